"""Optimisers and learning-rate schedules by name, with torch's own options."""

import math
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau, StepLR

from captioner.registry import Registry

OPTIMIZERS: Registry[Optimizer] = Registry("optimizer", "captioner.tasks")
OPTIMIZERS.register("adagrad")(torch.optim.Adagrad)
OPTIMIZERS.register("adam")(torch.optim.Adam)
OPTIMIZERS.register("adamw")(torch.optim.AdamW)
OPTIMIZERS.register("rmsprop")(torch.optim.RMSprop)
OPTIMIZERS.register("sgd")(torch.optim.SGD)

SCHEDULES: Registry[dict[str, Any]] = Registry("schedule", "captioner.tasks")
"""Each makes Lightning's description of a scheduler: the scheduler, and when it steps."""


@SCHEDULES.register("constant")
def constant(optimizer: Optimizer, warmup: int = 0) -> dict[str, Any]:
    """The same rate throughout, after `warmup` updates of linear rise."""
    return _every_update(LambdaLR(optimizer, lambda update: _rise(update, warmup)))


@SCHEDULES.register("step")
def step(optimizer: Optimizer, epochs: int, factor: float = 0.5) -> dict[str, Any]:
    """Multiplied by `factor` every so many epochs."""
    return {"scheduler": StepLR(optimizer, epochs, factor), "interval": "epoch"}


@SCHEDULES.register("decay")
def decay(optimizer: Optimizer, factor: float, after: int = 0) -> dict[str, Any]:
    """Multiplied by `factor` at the end of every epoch from number `after` on, counted from 1."""
    scheduler = LambdaLR(optimizer, lambda epoch: factor ** max(0, epoch - max(after, 1) + 1))
    return {"scheduler": scheduler, "interval": "epoch"}


@SCHEDULES.register("plateau")
def plateau(optimizer: Optimizer, monitor: str, factor: float = 0.8, patience: int = 3) -> dict[str, Any]:
    """Multiplied by `factor` when the monitored figure has not become better for `patience` epochs."""
    scheduler = ReduceLROnPlateau(optimizer, better(monitor), factor, patience)
    return {"scheduler": scheduler, "interval": "epoch", "monitor": monitor}


@SCHEDULES.register("cosine")
def cosine(optimizer: Optimizer, total_updates: int, warmup: int = 0, final: float = 0.0) -> dict[str, Any]:
    """Half a cosine from the full rate to `final` times it at the last update, after a linear rise."""

    def rate(update: int) -> float:
        done = min(1.0, max(0, update - warmup) / max(1, total_updates - warmup))
        return _rise(update, warmup) * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * done)))

    return _every_update(LambdaLR(optimizer, rate))


def better(monitor: str) -> Any:
    """Whether a figure is to become small ("min": a loss, in nats or bits, or errors) or large ("max")."""
    return "min" if monitor.endswith(("loss", "bits_per_character", "error_rate")) else "max"


def _rise(update: int, warmup: int) -> float:
    return min(1.0, (update + 1) / warmup) if warmup else 1.0


def _every_update(scheduler: LRScheduler) -> dict[str, Any]:
    return {"scheduler": scheduler, "interval": "step"}
