"""Optimisers by name, with torch's own options, and the parameters that they update."""

from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from captioner.encoders.base import Encoder
from captioner.registry import Registry

OPTIMIZERS: Registry[Optimizer] = Registry("optimizer", "captioner.training.optimization.optimizers")
OPTIMIZERS.register("adagrad")(torch.optim.Adagrad)
OPTIMIZERS.register("adam")(torch.optim.Adam)
OPTIMIZERS.register("adamw")(torch.optim.AdamW)
OPTIMIZERS.register("rmsprop")(torch.optim.RMSprop)
OPTIMIZERS.register("sgd")(torch.optim.SGD)


def parameter_groups(module: nn.Module, encoder: Encoder | None) -> list[dict[str, Any]]:
    """Return the trained parameters of a module as torch's optimisers take them, each once.

    Args:
        module: what is trained.
        encoder: its image encoder, or None; a group of its parameters has its own rate where it has one.

    Returns:
        A group of all parameters outside the encoder, then the encoder's groups.
    """
    groups: list[dict[str, Any]] = [
        {"params": group.parameters} | ({} if group.learning_rate is None else {"lr": group.learning_rate})
        for group in (encoder.trained_groups() if encoder is not None else [])
        if group.parameters
    ]
    in_encoder = {id(parameter) for group in groups for parameter in group["params"]}
    rest = [p for p in module.parameters() if p.requires_grad and id(p) not in in_encoder]
    return [{"params": rest}, *groups]
