"""Keep the best model of a training, and stop training on Ctrl-C."""

import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from captioner.models.folder import save_model
from captioner.training.optimization.schedules import better_mode
from captioner.training.task import Task

RESUME_FILE = "last.ckpt"


class Interrupted(Exception):  # noqa: N818 (no error: what the user asked for)
    """Raised when training was stopped by Ctrl-C, after everything was saved."""


class KeepBest(pl.Callback):
    """Write the model folder whenever the monitored figure of validation is the best so far.

    Args:
        folder: the model folder.
        monitor: the figure.
        card: where the model comes from, for its card.
    """

    def __init__(self, folder: Path, monitor: str, card: dict[str, Any]) -> None:
        self.folder = folder
        self.monitor = monitor
        self.card = card
        self.best: float | None = None

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare, and save if better."""
        figure = trainer.callback_metrics.get(self.monitor)
        if trainer.sanity_checking or not isinstance(figure, Tensor):
            return
        value = float(figure)
        sign = -1 if better_mode(self.monitor) == "min" else 1
        if self.best is None or sign * value > sign * self.best:
            self.best = value
            self.save(trainer, pl_module)

    def save(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the model as it is, with the figures of its validation."""
        if trainer.is_global_zero and isinstance(pl_module, Task):
            figures = {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("val/")}
            epoch = trainer.current_epoch + 1
            save_model(pl_module.model, self.folder, self.card | {"epoch": epoch, "validation": figures})

    def state_dict(self) -> dict[str, Any]:
        """Return the best figure."""
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the best figure."""
        self.best = state_dict["best"]


class StopOnRequest(pl.Callback):
    """End training on Ctrl-C after the update under way, with a resume file and a model folder written.

    A second Ctrl-C ends it at once.

    Args:
        folder: the run's.
        keep_best: writes the model folder, where validation has not yet done so.
    """

    def __init__(self, folder: Path, keep_best: KeepBest) -> None:
        self.folder = folder
        self.keep_best = keep_best
        self.requested = False
        self.saved = False
        self._former: Callable[[int, FrameType | None], Any] | int | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Install the SIGINT handler."""

        def request(number: int, frame: FrameType | None) -> None:
            self.requested = True
            signal.signal(signal.SIGINT, signal.default_int_handler)
            print("\nStopping after this update (Ctrl-C again: at once) ...", flush=True)

        self._former = signal.signal(signal.SIGINT, request)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save after Ctrl-C; after the last update of an epoch, its validation comes first.

        Args:
            trainer: Lightning's.
            pl_module: the task.
            outputs: of the training step; not used.
            batch: not used.
            batch_idx: not used.
        """
        if self.requested and not trainer.is_last_batch:
            self._save(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save again: a validation in the middle of an epoch belongs to the update before it."""
        if self.saved:
            self._save(trainer)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """End training once all is saved: only here are the figures of the last update written.

        Args:
            trainer: Lightning's.
            pl_module: the task.
            batch: not used.
            batch_idx: not used.
        """
        if self.saved:
            self._leave(trainer, pl_module)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """End training after Ctrl-C: the resume file was written at the end of the epoch before."""
        if self.requested:
            self._leave(trainer, pl_module)

    def _save(self, trainer: pl.Trainer) -> None:
        trainer.save_checkpoint(self.folder / RESUME_FILE)
        self.saved = True

    def _leave(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.keep_best.best is None:
            self.keep_best.save(trainer, pl_module)
        raise Interrupted

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Restore the former SIGINT handler.

        Args:
            trainer: Lightning's.
            pl_module: the task.
            stage: not used.
        """
        if self._former is not None:
            signal.signal(signal.SIGINT, self._former)
            self._former = None
