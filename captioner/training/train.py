"""Train: from a config to a model folder."""

import logging
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint

from captioner.config import Config, load
from captioner.data.captions.batches import CaptionData
from captioner.data.module import ImageData, TrainingData
from captioner.device import keep_memory
from captioner.errors import UserError
from captioner.files.atomic_write import atomic_file
from captioner.image_reader import read_images
from captioner.models.init_from import init_from
from captioner.paths import cache_folder, model_within
from captioner.processes import first_process_reports, is_first_process
from captioner.training.callbacks import Interrupted, KeepBest, SaveByTime, StopOnRequest
from captioner.training.checks.components import check_components
from captioner.training.checks.trainer_options import check_trainer, with_native_precision
from captioner.training.data_module import DataModule
from captioner.training.logs.loggers import SampleTable, check_loggers, make_loggers
from captioner.training.logs.progress import ProgressBar, ProgressLines
from captioner.training.optimization.schedules import better_mode
from captioner.training.resume_file import (
    RESUME_FILE,
    ResumeFileIO,
    check_resume_file,
    check_same_data,
    read_resume_file,
)
from captioner.training.task import Task
from captioner.training.task_class import task_class


class Trained(NamedTuple):
    """The result of a training.

    Attributes:
        model: the model folder.
        interrupted: the signal that stopped it, SIGINT or SIGTERM; None if it came to its end.
        seconds: how long it took.
        best: the best monitored figure of validation.
    """

    model: Path
    interrupted: int | None
    seconds: float
    best: float | None


def check(config: Config) -> None:
    """Refuse a mistake in any part of a run, before data is read or a model is built.

    Args:
        config: the run.

    Raises:
        UserError: one sentence with the nearest right name.
    """
    check_components(config)
    task_class(config).check(config)
    check_trainer(config.trainer, config.training.num_workers)
    check_loggers(config.logger)


def train(config: Config, folder: Path, resume: bool = False) -> Trained:
    """Train as a config says.

    Args:
        config: the run.
        folder: gets `config.yaml`, `metrics.csv`, `last.ckpt` (to resume from; the one before it is
            `previous.ckpt`) and `model/`.
        resume: continue from `folder/last.ckpt`.

    Returns:
        The model folder and how it went.

    Raises:
        UserError: a mistake in the config, data that cannot be read, nothing to resume or a damaged file.
    """
    _quiet()
    with first_process_reports():
        check(config)
        checkpoint = check_resume_file(folder) if resume else None
        task, data = _prepare(config, folder, checkpoint)
    keep_best = KeepBest(folder / "model", config.training.monitor, {"data": config.data, "split": "train"})
    trainer = _make_trainer(config, folder, keep_best, data)
    ckpt_path = None if checkpoint is None else str(checkpoint)
    started = time.monotonic()
    try:
        trainer.fit(task, datamodule=DataModule(data), ckpt_path=ckpt_path, weights_only=True)
    except Interrupted as interrupted:
        return Trained(keep_best.folder, interrupted.number, time.monotonic() - started, keep_best.best)
    except BaseException as error:
        _end_others(trainer)
        if isinstance(error, RuntimeError) and "DataLoader worker" in str(error):  # raised by torch anywhere
            raise UserError(
                "A process that loads data has died, perhaps for want of memory: lower training.num_workers, "
                f"and go on with --resume {folder}."
            ) from error
        raise
    if keep_best.best is None:
        keep_best.save(trainer, task)
    return Trained(keep_best.folder, None, time.monotonic() - started, keep_best.best)


def _prepare(config: Config, folder: Path, checkpoint: Path | None) -> tuple[Task[Any], TrainingData[Any]]:
    """Return the task, with the weights that training starts from, and its data; write the config."""
    keep_memory()
    task, data = _read_data(config)
    if checkpoint is not None:  # Lightning reads the weights only after features of frozen layers are stored
        stored = read_resume_file(checkpoint)
        check_same_data(stored, data.fingerprint(), folder)
        _check_batch_size(task, load(folder / "config.yaml").training.batch_size)
        task.load_state_dict(stored["state_dict"])
    else:
        _init_from(task)
    if is_first_process():
        with atomic_file(folder / "config.yaml") as file:  # another process may be reading it
            file.write(config.to_yaml().encode())
    _describe(task, data, folder)
    return task, data


def _read_data(config: Config) -> tuple[Task[Any], TrainingData[Any]]:
    """Return the task, with weights as the seed draws them, and its data."""
    pl.seed_everything(config.seed, workers=True, verbose=False)
    return task_class(config).prepare(config, cache_folder())


def store_features(config: Config) -> None:
    """Store the features that training reads, without training.

    Args:
        config: the run.

    Raises:
        UserError: a mistake in the config, data that cannot be read, or training stores no features.
    """
    check(config)
    task, data = _read_data(config)
    _init_from(task)
    without = data.why_unstored() if isinstance(data, ImageData) else "the task has no pictures"
    if without:
        raise UserError(f"There are no features to store: {without}.")
    data.setup()


def _end_others(trainer: pl.Trainer) -> None:
    """End the processes that this one started: they may wait for it, with NCCL for half an hour."""
    if trainer.strategy.launcher is not None:
        trainer.strategy.launcher.kill(signal.SIGTERM)


def _check_batch_size(task: Task[Any], before: int) -> None:
    now = task.config.training.batch_size
    if task.keeps_batch_size and now != before:
        name = task.config.task["name"]
        raise UserError(f"The task {name} is resumed with its batch size: {before}, not {now}.")


def _init_from(task: Task[Any]) -> None:
    """Copy the weights of `training.init_from`, if there is one."""
    if task.config.training.init_from is None:
        return
    folder = model_within(Path(task.config.training.init_from).expanduser())
    copied = init_from(task.model, folder)
    print(
        f"init from  {folder}: {copied.tensors} tensors, the rows of {copied.rows:,} words or answers; "
        f"{copied.new_rows:,} are new",
        file=sys.stderr,
    )


def _make_trainer(config: Config, folder: Path, keep_best: KeepBest, data: TrainingData[Any]) -> pl.Trainer:
    monitor = config.training.monitor
    by_time = SaveByTime(folder, config.training.save_every_minutes)
    callbacks: list[pl.Callback] = [keep_best, by_time, StopOnRequest(folder, keep_best)]
    if config.training.patience is not None:
        patience, mode = config.training.patience, better_mode(monitor)
        callbacks.append(EarlyStopping(monitor, patience=patience, mode=mode, check_on_train_epoch_end=False))
    if "wandb" in config.logger and isinstance(data, CaptionData):
        callbacks.append(SampleTable(_samples(data)))
    has_bar = is_first_process() and config.trainer.get("enable_progress_bar", True)
    if has_bar:
        callbacks.append(ProgressBar() if sys.stdout.isatty() else ProgressLines(monitor))
    resume_file = Path(RESUME_FILE).stem
    callbacks.append(
        ModelCheckpoint(
            folder, filename=resume_file, enable_version_counter=False, save_on_train_epoch_end=True
        )
    )
    defaults = {"num_sanity_val_steps": 0, "enable_model_summary": False, "log_every_n_steps": 10}
    return pl.Trainer(
        **(
            defaults
            | with_native_precision(config.trainer)
            | {"enable_progress_bar": has_bar and sys.stdout.isatty()}
        ),
        default_root_dir=folder,
        logger=make_loggers(config.logger, folder),
        callbacks=callbacks,
        plugins=[ResumeFileIO()],
    )


def _samples(data: CaptionData, count: int = 8) -> list[tuple[int, Any, list[str]]]:
    rows = data.example_images("val", count)
    images = [(number, data.source.image("val", row["path"])) for number, row in enumerate(rows)]
    read = read_images(images, lambda _, image: image)
    return [(rows[one.key]["image_id"], one.value, rows[one.key]["captions"]) for one in read if one.value]


def _describe(task: Task[Any], data: TrainingData[Any], folder: Path) -> None:
    """Print data and model on standard error."""
    trained = sum(p.numel() for p in task.parameters() if p.requires_grad)
    total = sum(p.numel() for p in task.parameters())
    part = next((name for name in ("head", "decoder") if getattr(task.config, name)), "task")
    lines = [
        *task.describe(data),
        f"{part:10} {getattr(task.config, part)['name']}; {trained:,} of {total:,} parameters are trained",
        f"run        {folder}",
    ]
    print("\n".join(lines), file=sys.stderr)


def _quiet() -> None:
    """Silence advice of Lightning's that does not apply, and notes on its own insides."""
    for name in ("pytorch_lightning.utilities.rank_zero", "lightning_fabric.utilities.distributed"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for text in (
        "does not have many workers",
        "Checkpoint directory",
        "isinstance.treespec, LeafSpec",
        "in eval mode",  # as a frozen encoder is
        "returned `None`",  # a batch of which no image could be read
        "smaller than the logging interval",  # an epoch of a few batches
        "dataloader is not resumable",  # it is: its position is the data module's
        "dirpath has changed",  # a run whose folder was moved
        "across ranks is zero",  # a text of which nothing is kept back
        "on epoch level in distributed setting",  # the figures of an epoch are those of all processes already
    ):
        warnings.filterwarnings("ignore", message=f".*{text}.*")
