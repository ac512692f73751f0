"""Learning-rate schedules by name."""

import math
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau, StepLR

from captioner.ranges import Count, CountOrZero, Fraction, Probability
from captioner.registry import Registry

SCHEDULES: Registry[dict[str, Any]] = Registry("schedule", "captioner.training.optimization.schedules")
"""Functions that return Lightning's description of a scheduler: the scheduler, and when it steps."""


@SCHEDULES.register("constant")
def constant(optimizer: Optimizer, warmup: CountOrZero = 0) -> dict[str, Any]:
    """Keep one rate, after `warmup` updates of linear rise."""
    return _every_update(LambdaLR(optimizer, lambda update: _rise(update, warmup)))


@SCHEDULES.register("step")
def step(optimizer: Optimizer, epochs: Count, factor: Probability = 0.5) -> dict[str, Any]:
    """Multiply the rate by a factor every so many epochs.

    Args:
        optimizer: whose rate.
        epochs: from one change to the next.
        factor: what the rate is multiplied by.

    Returns:
        The schedule.
    """
    return {"scheduler": StepLR(optimizer, epochs, factor), "interval": "epoch"}


@SCHEDULES.register("decay")
def decay(optimizer: Optimizer, factor: Probability, after: CountOrZero = 0) -> dict[str, Any]:
    """Multiply the rate by a factor at the end of every epoch.

    Args:
        optimizer: whose rate.
        factor: what the rate is multiplied by.
        after: the first epoch at whose end it changes, counted from 1.

    Returns:
        The schedule.
    """
    scheduler = LambdaLR(optimizer, lambda epoch: factor ** max(0, epoch - max(after, 1) + 1))
    return {"scheduler": scheduler, "interval": "epoch"}


@SCHEDULES.register("plateau")
def plateau(
    optimizer: Optimizer, monitor: str, factor: Fraction = 0.8, patience: CountOrZero = 3
) -> dict[str, Any]:
    """Multiply the rate by a factor when the monitored figure does not improve.

    Args:
        optimizer: whose rate.
        monitor: the figure.
        factor: what the rate is multiplied by.
        patience: epochs without a better figure.

    Returns:
        The schedule.
    """
    scheduler = ReduceLROnPlateau(optimizer, better_mode(monitor), factor, patience)
    return {"scheduler": scheduler, "interval": "epoch", "monitor": monitor}


@SCHEDULES.register("cosine")
def cosine(
    optimizer: Optimizer, total_updates: int, warmup: CountOrZero = 0, final: Probability = 0.0
) -> dict[str, Any]:
    """Lower the rate along half a cosine, after a linear rise.

    Args:
        optimizer: whose rate.
        total_updates: of the whole training.
        warmup: updates of the rise.
        final: the share of the full rate that is left at the last update.

    Returns:
        The schedule.
    """

    def rate(update: int) -> float:
        done = min(1.0, max(0, update - warmup) / max(1, total_updates - warmup))
        return _rise(update, warmup) * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * done)))

    return _every_update(LambdaLR(optimizer, rate))


def better_mode(monitor: str) -> Any:
    """Return "min" for a figure that is better when it is smaller (a loss, errors), else "max"."""
    return "min" if monitor.endswith(("loss", "bits_per_character", "error_rate", "of_baseline")) else "max"


def _rise(update: int, warmup: int) -> float:
    return min(1.0, (update + 1) / warmup) if warmup else 1.0


def _every_update(scheduler: LRScheduler) -> dict[str, Any]:
    return {"scheduler": scheduler, "interval": "step"}
