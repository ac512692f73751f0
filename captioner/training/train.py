"""Training: a config to a model folder."""

import logging
import math
import sys
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar

from captioner.config import Config
from captioner.data.module import CaptionData
from captioner.device import keep_memory
from captioner.errors import UserError
from captioner.images import UnreadableImage, load_image
from captioner.paths import cache_folder
from captioner.registry import check_options
from captioner.training.callbacks import RESUME_FILE, Interrupted, KeepBest, StopOnRequest
from captioner.training.loggers import SampleTable, make_loggers
from captioner.training.optimization import OPTIMIZERS, SCHEDULES, better
from captioner.training.task import Task, task_class

OURS = {"callbacks", "logger", "default_root_dir", "enable_checkpointing", "max_epochs"}


class Trained(NamedTuple):
    """What a run left behind."""

    model: Path
    interrupted: bool
    seconds: float
    best: float | None


class ProgressBar(TQDMProgressBar):
    """Lightning's bar with the newest loss, and without the number of a logger's version."""

    SECONDS = 0.25
    """Between two uses_image at the loss: each makes a GPU wait."""

    def __init__(self) -> None:
        super().__init__()
        self._loss: dict[str, float] = {}
        self._looked = -math.inf

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Any]:
        """The figures to show."""
        if (now := time.monotonic()) > self._looked + self.SECONDS:
            loss = trainer.callback_metrics.get("train/loss_step")
            self._loss, self._looked = {} if loss is None else {"train/loss": float(loss)}, now
        figures = super().get_metrics(trainer, pl_module)
        return self._loss | {name: value for name, value in figures.items() if name != "v_num"}


def check(config: Config) -> None:
    """Refuse a mistake in any component before data is read or a model is built.

    Raises:
        UserError: one sentence with the nearest right name.
    """
    task_class(config).check(config)
    OPTIMIZERS.check(config.optimizer, facts=("params",))
    SCHEDULES.check(config.schedule, facts=("optimizer", "monitor", "total_updates"))
    check_options("trainer", pl.Trainer, config.trainer, facts=OURS - {"max_epochs"})


def train(config: Config, folder: Path, resume: bool = False) -> Trained:
    """Train as `config` says; everything that is written lies in `folder`.

    Args:
        config: what to train on what.
        folder: gets `config.yaml`, `metrics.csv`, `last.ckpt` (to go on from) and `model/`.
        resume: go on from `folder/last.ckpt`.

    Raises:
        UserError: a mistake in the config, data that cannot be read, nothing to resume.
    """
    check(config)
    checkpoint = folder / RESUME_FILE
    if resume and not checkpoint.is_file():
        raise UserError(f"There is nothing to resume in {folder}: {RESUME_FILE} is missing.")
    keep_memory()
    pl.seed_everything(config.seed, workers=True, verbose=False)
    _quiet()
    task, data = task_class(config).prepare(config, cache_folder())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(config.to_yaml(), encoding="utf-8")
    _describe(task, data, folder)
    keep_best = KeepBest(folder / "model", config.training.monitor, {"data": config.data, "split": "train"})
    trainer = _make_trainer(config, folder, keep_best, data)
    started = time.monotonic()
    try:
        trainer.fit(task, datamodule=data, ckpt_path=str(checkpoint) if resume else None, weights_only=True)
    except Interrupted:
        return Trained(keep_best.folder, True, time.monotonic() - started, keep_best.best)
    if keep_best.best is None:
        keep_best.save(trainer, task)
    return Trained(keep_best.folder, False, time.monotonic() - started, keep_best.best)


def _make_trainer(
    config: Config, folder: Path, keep_best: KeepBest, data: pl.LightningDataModule
) -> pl.Trainer:
    monitor = config.training.monitor
    callbacks: list[pl.Callback] = [keep_best, StopOnRequest(folder, keep_best)]
    if config.training.patience is not None:
        patience = config.training.patience
        callbacks.append(
            EarlyStopping(monitor, patience=patience, mode=better(monitor), check_on_train_epoch_end=False)
        )
    if "wandb" in config.logger and isinstance(data, CaptionData):
        callbacks.append(SampleTable(_samples(data)))
    if config.trainer.get("enable_progress_bar", True):
        callbacks.append(ProgressBar())
    resume_file = Path(RESUME_FILE).stem
    callbacks.append(
        ModelCheckpoint(
            folder, filename=resume_file, enable_version_counter=False, save_on_train_epoch_end=True
        )
    )
    defaults = {"num_sanity_val_steps": 0, "enable_model_summary": False, "log_every_n_steps": 10}
    return pl.Trainer(
        **(defaults | config.trainer),
        default_root_dir=folder,
        logger=make_loggers(config.logger, folder),
        callbacks=callbacks,
    )


def _samples(data: CaptionData, count: int = 8) -> list[tuple[int, Any, list[str]]]:
    samples = []
    for row in data.table("val").select(range(min(count, len(data.table("val"))))):
        try:
            picture = load_image(data.source.image("val", row["path"]))
        except UnreadableImage:
            continue
        samples.append((row["image_id"], picture, row["captions"]))
    return samples


def _describe(task: Task, data: pl.LightningDataModule, folder: Path) -> None:
    """Say on standard error what is about to happen."""
    trained = sum(p.numel() for p in task.parameters() if p.requires_grad)
    total = sum(p.numel() for p in task.parameters())
    part = "head" if task.config.head else "decoder"
    lines = [
        *task.describe(data),
        f"{part:10} {getattr(task.config, part)['name']}; {trained:,} of {total:,} parameters are trained",
        f"run        {folder}",
    ]
    print("\n".join(lines), file=sys.stderr)


def _quiet() -> None:
    """Silence advice of Lightning's that does not apply, and notes on its own insides."""
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)
    for text in (
        "does not have many workers",
        "Checkpoint directory",
        "isinstance.treespec, LeafSpec",
        "in eval mode",  # as a frozen encoder is
        "returned `None`",  # a batch of which no picture could be read
        "across ranks is zero",  # a text of which nothing is kept back
    ):
        warnings.filterwarnings("ignore", message=f".*{text}.*")
