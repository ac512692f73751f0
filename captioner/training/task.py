"""Train a model with Lightning, with checkpoints from which training resumes exactly."""

import math
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import pytorch_lightning as pl
import torch
from torch import Tensor

from captioner.config import Config
from captioner.data.module import TrainingData
from captioner.errors import UserError
from captioner.models.base import Model, build_model, model_class
from captioner.registry import Registry, check_options, signature_of
from captioner.training.loss import Loss
from captioner.training.optimizers import OPTIMIZERS
from captioner.training.running_mean import RunningMean
from captioner.training.schedules import SCHEDULES
from captioner.vocabulary import Vocabulary

Found = TypeVar("Found")
ModelT = TypeVar("ModelT", bound=Model)

READ_EVERY = 16
"""Updates whose losses are read at once: to read a number is to wait for a GPU."""


class Task(pl.LightningModule, ABC, Generic[ModelT]):
    """A model with its loss and its validation. Subclasses are final, or abstract too.

    The constructor's arguments beside `model` are options that stand under `task` in the config, beside those
    of the model.

    Args:
        model: what is trained.
    """

    def __init__(self, model: ModelT) -> None:
        super().__init__()
        self.model = model
        self._unread: list[tuple[int, Tensor]] = []  # update, loss
        self._running_mean = RunningMean()

    @property
    def config(self) -> Config:
        """The run."""
        return self.model.config

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of the model."""
        return self.model.vocabulary

    @classmethod
    def from_config(cls, config: Config, vocabulary: Vocabulary, card: dict[str, Any] | None = None) -> Self:
        """Build the model of a config, and the task around it.

        Args:
            config: the run.
            vocabulary: the words of the model.
            card: as for `build_model`.

        Returns:
            The task.
        """
        model: Any = build_model(config, vocabulary, card)
        known = signature_of(cls)
        return cls(model, **{key: value for key, value in config.task.items() if key in known})

    @classmethod
    def check(cls, config: Config) -> None:
        """Refuse a mistake in the task's own options, where a task has something to check.

        Args:
            config: the run, whose components are right.

        Raises:
            UserError: says which.
        """

    @classmethod
    @abstractmethod
    def prepare(cls, config: Config, cache: Path) -> "tuple[Self, TrainingData[Any]]":
        """Read the data, and build the task for it.

        Args:
            config: the run.
            cache: the folder for what can be computed again.

        Returns:
            The task and its data.
        """

    @classmethod
    @abstractmethod
    def check_data(cls, config: Config) -> object:
        """Read all of the data once.

        Args:
            config: the run.

        Returns:
            A report, as `str` prints it.
        """

    @abstractmethod
    def describe(self, data: Any) -> list[str]:
        """Return lines on the data and the model, for the start of a run."""

    def encode(self, batch: Any) -> Any:
        """Return the batch with what the model makes of it, which loss and metrics share."""
        return batch

    @abstractmethod
    def loss(self, batch: Any) -> Loss | None:
        """Return the teacher-forced loss of an encoded batch; None where it has nothing to learn from."""

    @abstractmethod
    def update_metrics(self, batch: Any) -> None:
        """Add what the model generates for an encoded validation batch to the metrics."""

    @abstractmethod
    def compute_metrics(self) -> dict[str, float]:
        """Return the metrics since the last call by name, and reset them."""

    def training_step(self, batch: Any, batch_idx: int) -> Tensor | None:
        """Return the loss of a batch, and log it.

        Raises:
            UserError: it was not finite at one of the last `READ_EVERY` updates. Nothing was saved since.
        """
        result = self.loss(self.encode(batch))
        if result is None:
            return None
        figures = {"loss": result.loss.detach(), **result.logs}
        self.log_dict({f"train/{name}_step": value for name, value in figures.items()})
        self._running_mean.add(figures, result.size)
        self._unread.append((self.global_step + 1, figures["loss"]))
        if len(self._unread) >= READ_EVERY:
            self._read_losses()
        return result.loss

    def on_train_epoch_end(self) -> None:
        """Log the means of the epoch, over a resumed one as a whole."""
        means = self._running_mean.compute_and_reset()
        self.log_dict({f"train/{name}_epoch": mean for name, mean in means.items()})

    def check_finite(self) -> None:
        """Refuse losses and weights that are not finite, before the model is validated or saved.

        Raises:
            UserError: a loss since the last call was not finite, or the weights are not.
        """
        self._read_losses()
        finite = [weight.isfinite().all() for weight in self.parameters() if weight.requires_grad]
        if not torch.stack(finite).all():
            raise self._not_finite(f"Weights are not finite after update {self.global_step}")

    def _read_losses(self) -> None:
        unread, self._unread = self._unread, []
        losses = torch.stack([loss for _, loss in unread]).tolist() if unread else []
        for (update, _), loss in zip(unread, losses, strict=True):
            if not math.isfinite(loss):
                raise self._not_finite(f"The loss became {loss} at update {update}")

    def _not_finite(self, what: str) -> UserError:
        return UserError(
            f"{what}, in epoch {self.current_epoch + 1}: lower optimizer.lr or set "
            "trainer.gradient_clip_val. Models and resume files saved before are as they were."
        )

    def on_validation_start(self) -> None:
        """Validate no model that is not finite."""
        self.check_finite()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Log the loss of a batch and update the metrics."""
        encoded = self.encode(batch)
        if (result := self.loss(encoded)) is not None:
            shared: dict[str, Any] = {"batch_size": result.size, "sync_dist": True}
            self.log("val/loss", result.loss, prog_bar=True, **shared)
            self.log_dict({f"val/{name}": value for name, value in result.logs.items()}, **shared)
        self.update_metrics(encoded)

    def on_validation_epoch_end(self) -> None:
        """Log the metrics."""
        figures = {f"val/{name}": value for name, value in self.compute_metrics().items()}
        self.log_dict(figures, rank_zero_only=False, sync_dist=False)
        if (monitored := self.config.training.monitor) in figures:
            self.log("score", figures[monitored], prog_bar=True, logger=False)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Log the norm of the gradient before clipping."""
        gradients = [
            p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None
        ]
        self.log("train/grad_norm", torch.nn.utils.get_total_norm(gradients))

    def configure_optimizers(self) -> Any:
        """Return the optimiser and schedule of the config over the trained parameters."""
        groups = self._encoder_groups()
        in_encoder = {id(p) for group in groups for p in group["params"]}
        rest = [p for p in self.parameters() if p.requires_grad and id(p) not in in_encoder]
        optimizer = OPTIMIZERS.build(self.config.optimizer, params=[{"params": rest}, *groups])
        schedule = SCHEDULES.build(
            self.config.schedule,
            optimizer=optimizer,
            monitor=self.config.training.monitor,
            total_updates=self.trainer.estimated_stepping_batches,
        )
        if "monitor" in schedule:  # there is a figure only after validation
            schedule["frequency"] = self.trainer.check_val_every_n_epoch or 1
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def _encoder_groups(self) -> list[dict[str, Any]]:
        """Parameters of the image encoder, at their own rate where they have one."""
        encoder = getattr(self.model, "encoder", None)
        groups = [] if encoder is None else encoder.trained_groups()
        return [
            {"params": g.parameters} | ({} if g.learning_rate is None else {"lr": g.learning_rate})
            for g in groups
            if g.parameters
        ]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the RNG state and the running means, so that a resumed run equals one that was not stopped."""
        self.check_finite()
        checkpoint["running_mean"] = self._running_mean.state_dict()
        checkpoint["rng_state"] = {"cpu": torch.get_rng_state(), "gpu": torch.cuda.get_rng_state_all()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the running means, and keep the RNG state until training starts."""
        self._running_mean.load_state_dict(checkpoint["running_mean"])
        self._rng_state = checkpoint["rng_state"]

    def on_train_start(self) -> None:
        """Restore the RNG state of the checkpoint."""
        if (state := getattr(self, "_rng_state", None)) is not None:
            torch.set_rng_state(state["cpu"].cpu())
            if len(state["gpu"]) == torch.cuda.device_count():
                torch.cuda.set_rng_state_all([one.cpu() for one in state["gpu"]])


TASKS: Registry[Task[Any]] = Registry("task", "captioner.training")
"""By the same names as `MODELS`."""


def task_class(config: Config) -> type[Task[Any]]:
    """Return the class of the task that a config names.

    Raises:
        UserError: there is no such task, or neither it nor its model has such an option.
    """
    name = TASKS.name_in(config.task)
    found = TASKS[name]
    assert isinstance(found, type)
    options = {key: value for key, value in config.task.items() if key != "name"}
    facts = ("config", "vocabulary", "card", "model")
    check_options(f"task {name}", found, options, facts, also=model_class(config))
    return found


def gather_from_all_processes(found: dict[int, Found]) -> dict[int, Found]:
    """Return what all processes found, by id, each once."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return found
    parts: list[dict[int, Found]] = [{}] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(parts, found)
    return {key: one for part in parts for key, one in part.items()}
