"""Log the figures of a run."""

import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger

from captioner.errors import UserError, nearest
from captioner.training.logs.metrics_file import MetricsFile

WAY_OUT = "set WANDB_MODE=offline and send the run later by `wandb sync`"


def make_loggers(names: Sequence[str], folder: Path) -> list[Logger]:
    """Return the loggers of a run.

    `metrics.csv` is always written, TensorBoard's files if it is installed, wandb's if they are asked for.
    Without a key or WANDB_MODE, wandb writes a run on disk that `wandb sync` can send later.

    Args:
        names: csv, tensorboard or wandb.
        folder: the run's.

    Returns:
        Lightning's loggers.

    Raises:
        UserError: wandb cannot start.
    """
    loggers: list[Logger] = [MetricsFile(folder / "metrics.csv")]
    if _has_tensorboard():
        from pytorch_lightning.loggers import TensorBoardLogger

        loggers.append(TensorBoardLogger(folder, name="", version="tensorboard"))
    if "wandb" in names:
        from pytorch_lightning.loggers import WandbLogger

        (folder / "wandb").mkdir(parents=True, exist_ok=True)
        mode: dict[str, Any] = {} if _is_sent() else {"mode": "offline"}
        loggers.append(_started(WandbLogger(project="captioner", save_dir=folder, **mode)))
    return loggers


def check_loggers(names: Sequence[str]) -> None:
    """Refuse loggers that are not there, before data is read.

    Args:
        names: csv, tensorboard or wandb.

    Raises:
        UserError: another name; TensorBoard asked for and absent; wandb asked to send by nobody.
    """
    known = ("csv", "tensorboard", "wandb")
    for name in names:
        if name not in known:
            raise UserError(f"There is no logger {name!r}. {nearest(name, known)}")
    if "tensorboard" in names and not _has_tensorboard():
        raise UserError("logger=tensorboard needs the package: pip install tensorboard")
    if "wandb" in names and _is_sent() and not (_has_key() or sys.stdin.isatty()):
        raise UserError(f"logger=wandb: nobody is logged in: run `wandb login`, or {WAY_OUT}.")


class SampleTable(pl.Callback):
    """Log a few validation images to wandb, each with the model's caption and the references.

    Args:
        samples: image id, image and references of each.
    """

    def __init__(self, samples: Sequence[tuple[int, Any, list[str]]]) -> None:
        self.samples = samples

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Log the table, before the task forgets what it generated."""
        from pytorch_lightning.loggers import WandbLogger

        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger) and not trainer.sanity_checking:
                import wandb

                rows = [
                    [
                        wandb.Image(image),
                        " ".join(pl_module.generated[image_id].words),
                        "\n".join(references),
                    ]
                    for image_id, image, references in self.samples
                    if image_id in pl_module.generated
                ]
                logger.log_table("val/samples", columns=["image", "caption", "references"], data=rows)


def _has_tensorboard() -> bool:
    return any(importlib.util.find_spec(module) for module in ("tensorboard", "tensorboardX"))


def _is_sent() -> bool:
    """Whether wandb sends the run: WANDB_MODE says so, or there is none and somebody is logged in."""
    mode = os.environ.get("WANDB_MODE")
    return _has_key() if mode is None else mode not in ("offline", "dryrun", "disabled")


def _has_key() -> bool:
    import wandb

    return bool(os.environ.get("WANDB_API_KEY") or wandb.api.api_key)


def _started(logger: Any) -> Logger:
    """Return a wandb logger whose run has begun."""
    from wandb.errors import Error

    try:
        logger.experiment  # noqa: B018 (Lightning begins the run where it is first read)
    except (Error, ValueError) as problem:
        reason = str(problem).splitlines()[0].rstrip(".")
        raise UserError(f"logger=wandb: {reason}: {WAY_OUT}.") from None
    started: Logger = logger
    return started
