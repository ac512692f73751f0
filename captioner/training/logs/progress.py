"""Show how far a training is: Lightning's bar in a terminal; where the output is a file, some lines."""

import math
import sys
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import TQDMProgressBar

from captioner.progress import SECONDS

SHARES = 10
"""Lines of a training that takes less than minutes."""


class ProgressBar(TQDMProgressBar):
    """Lightning's bar with the newest loss, and without the number of a logger's version."""

    SECONDS = 0.25
    """Between two readings of the loss: each makes a GPU wait."""

    def __init__(self) -> None:
        super().__init__()
        self._loss: dict[str, float] = {}
        self._read_at = -math.inf

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Any]:
        """Return the figures to show."""
        if (now := time.monotonic()) > self._read_at + self.SECONDS:
            loss = trainer.callback_metrics.get("train/loss_step")
            self._loss, self._read_at = {} if loss is None else {"train/loss": float(loss)}, now
        figures = super().get_metrics(trainer, pl_module)
        return self._loss | {name: value for name, value in figures.items() if name != "v_num"}


class ProgressLines(pl.Callback):
    """Write a line on standard error every minute, and at each tenth of the training.

    Args:
        monitor: the figure of validation that is shown.
    """

    def __init__(self, monitor: str) -> None:
        self.monitor = monitor
        self._written_at = -math.inf
        self._share = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count the minutes and tenths from here."""
        self._written_at, self._share = time.monotonic(), self._shares_done(trainer)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write a line if it is time.

        Args:
            trainer: Lightning's.
            pl_module: the task.
            outputs: of the training step; not used.
            batch: not used.
            batch_idx: not used.
        """
        share = self._shares_done(trainer)
        if share > self._share or time.monotonic() - self._written_at >= SECONDS:
            self._written_at, self._share = time.monotonic(), share
            self._write(trainer)

    def _shares_done(self, trainer: pl.Trainer) -> int:
        total = trainer.estimated_stepping_batches
        return int(SHARES * trainer.global_step / total) if math.isfinite(total) else 0

    def _write(self, trainer: pl.Trainer) -> None:
        found = trainer.callback_metrics
        names = dict.fromkeys(("train/loss_step", "val/loss", self.monitor))
        figures = [
            f"{name.removesuffix('_step')} {float(found[name]):.4g}" for name in names if name in found
        ]
        total = trainer.estimated_stepping_batches
        of = f" of {total:,}" if math.isfinite(total) else ""
        done = f"epoch {trainer.current_epoch + 1}, update {trainer.global_step:,}{of}"
        print(", ".join([done, *figures]), file=sys.stderr, flush=True)
