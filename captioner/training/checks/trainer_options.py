"""Check the options that go to Lightning's Trainer, before data is read or a model is built."""

import warnings
from collections.abc import Mapping
from typing import Annotated, Any

import pytorch_lightning as pl
import torch
from annotated_types import Ge, Gt, Le
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.strategies import DDPStrategy, SingleDeviceStrategy, Strategy

from captioner.device import best_device
from captioner.errors import UserError, check_type
from captioner.precision import native_precision
from captioner.processes import num_cores
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


MOST_PROCESSES = 4
"""Processes for each core of a machine, loaders of data counted: some of them wait for a disk."""


def check_trainer(options: Mapping[str, Any], num_workers: int = 0) -> None:
    """Refuse what Lightning's Trainer cannot be made with, or this machine does not have.

    Args:
        options: those under `trainer` of a config.
        num_workers: processes that load data, for each one that trains.

    Raises:
        UserError: one sentence, Lightning's own where it is the one that refuses.
    """
    options = with_native_precision(options)
    check_options("trainer", pl.Trainer, options, facts=OURS, ranges=RANGES)
    for name in ("max_epochs", "max_steps", "limit_train_batches"):
        if options.get(name) == 0:
            raise UserError(f"trainer.{name}=0 trains nothing.")
    if options.get("sync_batchnorm"):
        raise UserError(
            "trainer.sync_batchnorm=true would wait for ever where a process has no picture left: leave it "
            "out."
        )
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
    _check_strategy(trainer.strategy, options.get("strategy"))
    on_cpu = trainer.strategy.root_device.type == "cpu"
    _check_processes(trainer.num_devices, num_workers, on_cpu)


def with_native_precision(options: Mapping[str, Any]) -> dict[str, Any]:
    """Replace the precision `auto` by what the device computes natively, where training is as safe in it.

    That is bfloat16 under autocast, with weights, gradients and the loss in single precision. Half precision,
    whose gradients can become zero or infinite, is for those who ask for it.

    Args:
        options: those under `trainer` of a config.

    Returns:
        Options that Lightning knows.
    """
    if options.get("precision") != "auto":
        return {**options}
    device = torch.device("cpu") if options.get("accelerator") == "cpu" else best_device()
    return {**options, "precision": "bf16-mixed" if native_precision(device) == "bf16" else "32-true"}


def _check_processes(processes: int, num_workers: int, on_cpu: bool) -> None:
    """Refuse more processes than the machine stands."""
    cores = max(2, num_cores())  # two processes can be tried out on one core
    if processes > cores and on_cpu:
        raise UserError(f"trainer.devices={processes}: this machine has {cores} processor cores.")
    total, most = processes * (1 + num_workers), MOST_PROCESSES * cores
    if num_workers and total > most:
        raise UserError(
            f"training.num_workers={num_workers} makes {total:,} processes on {cores} processor cores: set "
            f"at most {max(0, most // processes - 1)}."
        )


def _check_strategy(strategy: Strategy, name: str | None) -> None:
    """Refuse strategies that divide a model, or that start processes without the callbacks' results."""
    starts_by_fork = getattr(strategy, "_start_method", "popen") != "popen"
    if not isinstance(strategy, DDPStrategy | SingleDeviceStrategy) or starts_by_fork:
        raise UserError(f"trainer.strategy={name}: several processes train with trainer.strategy=ddp.")


def _check_accelerator(name: str) -> None:
    """Refuse a GPU that is not there."""
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if not {"gpu": cuda or mps, "cuda": cuda, "mps": mps}.get(name, True):
        raise UserError(
            f"trainer.accelerator={name}: there is no such device here. Leave it out, or set "
            "trainer.accelerator=cpu."
        )
