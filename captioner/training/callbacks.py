"""Keep the best model of a training, and stop training on Ctrl-C or SIGTERM."""

import signal
import time
from abc import abstractmethod
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from captioner.models.folder import save_model
from captioner.training.optimization.schedules import better_mode
from captioner.training.resume_file import RESUME_FILE
from captioner.training.task import Task

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):  # noqa: N818 (no error: what the user asked for)
    """Raised when training was stopped by a signal, after everything was saved.

    Args:
        number: the signal's.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


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


class AfterUpdate(pl.Callback):
    """Act after each update but the last one of an epoch. Subclasses write `after_update`.

    Between the batches that make an update together (`trainer.accumulate_grad_batches`) nothing can be saved:
    gradients are in no file.
    """

    _update = 0  # the newest one

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count updates from here."""
        self._update = trainer.global_step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Call `after_update` if the batch completed one.

        Args:
            trainer: Lightning's.
            pl_module: the task.
            outputs: of the training step; not used.
            batch: not used.
            batch_idx: not used.
        """
        updated, self._update = trainer.global_step > self._update, trainer.global_step
        if updated and not trainer.is_last_batch:
            self.after_update(trainer)

    @abstractmethod
    def after_update(self, trainer: pl.Trainer) -> None:
        """Do what is to be done."""


class SaveByTime(AfterUpdate):
    """Write the resume file within an epoch: after the first update, then every few minutes.

    Args:
        folder: the run's.
        minutes: between two files; those at the ends of epochs count.
    """

    def __init__(self, folder: Path, minutes: float) -> None:
        self.folder = folder
        self.minutes = minutes
        self._last: float | None = None  # when a file was written
        self._saved_update = -1

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count from here: a run that is resumed has its file."""
        super().on_train_start(trainer, pl_module)
        self._last = time.monotonic() if trainer.global_step else None

    def after_update(self, trainer: pl.Trainer) -> None:
        """Save if it is time, on all processes or on none."""
        is_due = self._last is None or time.monotonic() - self._last >= 60 * self.minutes
        if trainer.strategy.broadcast(is_due):
            self._save(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save again: a validation in the middle of an epoch belongs to the update before it."""
        if self._saved_update == trainer.global_step and not trainer.is_last_batch:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count from here: a file is written at the end of an epoch."""
        self._last = time.monotonic()

    def _save(self, trainer: pl.Trainer) -> None:
        trainer.save_checkpoint(self.folder / RESUME_FILE, weights_only=False)
        self._last, self._saved_update = time.monotonic(), trainer.global_step


class StopOnRequest(AfterUpdate):
    """End training after the update under way, with a resume file and a model folder written.

    Asked for by Ctrl-C (SIGINT), or by SIGTERM as batch systems and containers send it. A second signal ends
    training at once. The signal with which SLURM asks for a requeue stays Lightning's.

    Args:
        folder: the run's.
        keep_best: writes the model folder, where validation has not yet done so.
    """

    def __init__(self, folder: Path, keep_best: KeepBest) -> None:
        self.folder = folder
        self.keep_best = keep_best
        self.requested = False
        self.saved = False
        self._signal: int = signal.SIGINT
        self._former: dict[int, Any] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Install the handlers of SIGINT and SIGTERM."""

        def request(number: int, frame: FrameType | None) -> None:
            self.requested, self._signal = True, number
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            print("\nStopping after this update (Ctrl-C again: at once) ...", flush=True)

        super().on_train_start(trainer, pl_module)
        self._former = {number: signal.signal(number, request) for number in SIGNALS}

    def after_update(self, trainer: pl.Trainer) -> None:
        """Save if asked for; after the last update of an epoch, its validation comes first."""
        if self._is_requested(trainer):
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
        """End training if asked for: the resume file was written at the end of the epoch before."""
        if self._is_requested(trainer):
            self._leave(trainer, pl_module)

    def _is_requested(self, trainer: pl.Trainer) -> bool:
        """Whether any process was asked: a signal may reach one of them alone, and all must end together."""
        return bool(trainer.strategy.reduce_boolean_decision(self.requested, all=False))

    def _save(self, trainer: pl.Trainer) -> None:
        trainer.save_checkpoint(self.folder / RESUME_FILE, weights_only=False)
        self.saved = True

    def _leave(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.keep_best.best is None:
            self.keep_best.save(trainer, pl_module)
        raise Interrupted(self._signal)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Restore the former handlers.

        Args:
            trainer: Lightning's.
            pl_module: the task.
            stage: not used.
        """
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._former = {}
