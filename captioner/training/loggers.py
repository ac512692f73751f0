"""Log the figures of a run."""

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger

from captioner.errors import UserError, nearest
from captioner.training.metrics_file import MetricsFile


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
        UserError: a name that is not csv, tensorboard or wandb, or TensorBoard asked for and absent.
    """
    known = ("csv", "tensorboard", "wandb")
    for name in names:
        if name not in known:
            raise UserError(f"There is no logger {name!r}. {nearest(name, known)}")
    loggers: list[Logger] = [MetricsFile(folder / "metrics.csv")]
    has_tensorboard = any(importlib.util.find_spec(m) for m in ("tensorboard", "tensorboardX"))
    if "tensorboard" in names and not has_tensorboard:
        raise UserError("logger=tensorboard needs the package: pip install tensorboard")
    if has_tensorboard:
        from pytorch_lightning.loggers import TensorBoardLogger

        loggers.append(TensorBoardLogger(folder, name="", version="tensorboard"))
    if "wandb" in names:
        from pytorch_lightning.loggers import WandbLogger

        (folder / "wandb").mkdir(parents=True, exist_ok=True)
        loggers.append(WandbLogger(project="captioner", save_dir=folder, offline=_wandb_is_offline()))
    return loggers


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


def _wandb_is_offline() -> bool:
    if "WANDB_MODE" in os.environ:
        return os.environ["WANDB_MODE"] == "offline"
    import wandb

    return not (os.environ.get("WANDB_API_KEY") or wandb.api.api_key)
