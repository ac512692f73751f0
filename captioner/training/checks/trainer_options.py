"""Check the options that go to Lightning's Trainer, before data is read or a model is built."""

import os
import warnings
from collections.abc import Mapping
from typing import Annotated, Any

import pytorch_lightning as pl
import torch
from annotated_types import Ge, Gt, Le
from lightning_fabric.utilities.exceptions import MisconfigurationException

from captioner.errors import UserError, check_type
from captioner.ranges import LARGEST_COUNT, Count, CountOrZero, NonNegative, Probability
from captioner.registry import check_options

OURS = {"callbacks", "logger", "default_root_dir", "enable_checkpointing", "plugins", "barebones"}
"""Of the Trainer's arguments those that are set here, or that would switch off what a run writes."""

CountOrAll = Annotated[int, Ge(-1), Le(LARGEST_COUNT)]
"""-1 for all, or for no end."""
NumDevices = Annotated[int, Ge(-1), Le(1024)]
"""Processes on a machine; -1 for one on every device."""
Batches = CountOrZero | Probability | None
"""How many of an epoch's batches, or which share of them."""

RANGES: dict[str, Any] = {
    "accelerator": str,
    "strategy": str,
    "devices": NumDevices | str | list[CountOrZero],
    "num_nodes": Count,
    "max_epochs": CountOrAll | None,
    "min_epochs": CountOrZero | None,
    "max_steps": CountOrAll,
    "min_steps": CountOrZero | None,
    "limit_train_batches": Batches,
    "limit_val_batches": Batches,
    "overfit_batches": CountOrZero | Probability,
    "val_check_interval": Count | Annotated[float, Gt(0), Le(1)] | str | dict[str, int] | None,
    "check_val_every_n_epoch": Count | None,
    "num_sanity_val_steps": CountOrAll | None,
    "log_every_n_steps": CountOrZero | None,
    "accumulate_grad_batches": Count,
    "gradient_clip_val": NonNegative | None,
    "max_time": str | dict[str, int] | None,
    "profiler": str | None,
    "reload_dataloaders_every_n_epochs": CountOrZero,
}
"""Lightning's annotations have no ranges, and of some options it finds out only in the middle of a run."""


def check_trainer(options: Mapping[str, Any]) -> None:
    """Refuse what Lightning's Trainer cannot be made with, or this machine does not have.

    Args:
        options: those under `trainer` of a config.

    Raises:
        UserError: one sentence, Lightning's own where it is the one that refuses.
    """
    check_options("trainer", pl.Trainer, options, facts=OURS, ranges=RANGES)
    for name in ("max_epochs", "max_steps", "limit_train_batches"):
        if options.get(name) == 0:
            raise UserError(f"trainer.{name}=0 trains nothing.")
    devices = options.get("devices")
    if isinstance(devices, str) and devices.isdecimal():  # Lightning takes it for a number
        check_type("trainer: devices", int(devices[:9]), NumDevices)
    _check_accelerator(options.get("accelerator", "auto"))
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trainer = pl.Trainer(**(dict(options) | quiet))
    except (MisconfigurationException, ImportError, RuntimeError, TypeError, ValueError) as problem:
        reason = " ".join(str(problem).split()).rstrip(".")
        raise UserError(f"trainer: {reason}.") from None
    cores = max(2, os.cpu_count() or 1)  # two processes can be tried out on one core
    if trainer.num_devices > cores and trainer.strategy.root_device.type == "cpu":
        raise UserError(f"trainer.devices={devices}: this machine has {cores} processor cores.")


def _check_accelerator(name: str) -> None:
    """Refuse a GPU that is not there."""
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if not {"gpu": cuda or mps, "cuda": cuda, "mps": mps}.get(name, True):
        raise UserError(
            f"trainer.accelerator={name}: there is no such device here. Leave it out, or set "
            "trainer.accelerator=cpu."
        )
