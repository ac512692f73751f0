"""Optimisers by name, with torch's own options."""

import torch
from torch.optim import Optimizer

from captioner.registry import Registry

OPTIMIZERS: Registry[Optimizer] = Registry("optimizer", "captioner.training.optimizers")
OPTIMIZERS.register("adagrad")(torch.optim.Adagrad)
OPTIMIZERS.register("adam")(torch.optim.Adam)
OPTIMIZERS.register("adamw")(torch.optim.AdamW)
OPTIMIZERS.register("rmsprop")(torch.optim.RMSprop)
OPTIMIZERS.register("sgd")(torch.optim.SGD)
