"""Train a model with Lightning, with checkpoints from which training resumes exactly."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import pytorch_lightning as pl
import torch
from torch import Tensor

from captioner.config import Config
from captioner.data.loader import NoSamples
from captioner.data.module import TrainingData
from captioner.models.base import Model, build_model
from captioner.registry import Registry, signature_of
from captioner.training.checks.finite import FiniteCheck
from captioner.training.logs.running_mean import RunningMean
from captioner.training.loss import Loss, union_loss
from captioner.training.optimization.optimizers import build_optimizer, parameter_groups
from captioner.training.optimization.schedules import SCHEDULES
from captioner.training.rng_states import rng_states, set_rng_state
from captioner.vocabulary import Vocabulary

ModelT = TypeVar("ModelT", bound=Model)


class Task(pl.LightningModule, ABC, Generic[ModelT]):
    """A model with its loss and its validation. Subclasses are final, or abstract too.

    The constructor's arguments beside `model` are options that stand under `task` in the config, beside those
    of the model.

    Args:
        model: what is trained.
    """

    keeps_batch_size: ClassVar[bool] = False
    """Whether a run can only be resumed with its batch size: it has a state of each stream of a batch, or
    samples are mixed by batches."""

    def __init__(self, model: ModelT) -> None:
        super().__init__()
        self.model = model
        self._finite = FiniteCheck()
        self._running_mean = RunningMean()
        self._validation_mean = RunningMean()

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
        """Compute the loss of a batch, with those of the other processes, and log it.

        Figures beside the loss are those of the first process at each step; means over an epoch, like the
        loss, are over all processes.

        Args:
            batch: as the data make it; `NO_SAMPLES` where this process has none left.
            batch_idx: its number in the epoch.

        Returns:
            The loss as `union_loss` weighs it; None where there is nothing to learn from.

        Raises:
            UserError: it was not finite at one of the last `READ_EVERY` updates. Nothing was saved since.
        """
        own = None if isinstance(batch, NoSamples) else self.loss(self.encode(batch))
        union = union_loss(own, self._trained())
        if own is not None:
            self._running_mean.add({"loss": own.loss.detach(), **own.logs}, own.size)
        if union is None:
            return None
        figures = {"loss": union.mean, **(own.logs if own is not None else {})}
        self.log_dict({f"train/{name}_step": value for name, value in figures.items()})
        self._finite.add(self.global_step + 1, union.mean, self.current_epoch)
        return union.to_minimise

    def on_train_epoch_end(self) -> None:
        """Log the means of the epoch, over a resumed one as a whole."""
        means = self._running_mean.compute_and_reset()
        self.log_dict({f"train/{name}_epoch": mean for name, mean in means.items()})

    def check_finite(self) -> None:
        """Refuse losses and weights that are not finite, before the model is validated or saved.

        Raises:
            UserError: a loss since the last call was not finite, or the weights are not.
        """
        self._finite.check_losses(self.current_epoch)
        self._finite.check_weights(self._trained(), self.global_step, self.current_epoch)

    def _trained(self) -> list[torch.nn.Parameter]:
        return [weight for weight in self.parameters() if weight.requires_grad]

    def on_validation_start(self) -> None:
        """Validate no model that is not finite."""
        self.check_finite()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Add the loss of a batch to the mean, and update the metrics."""
        if isinstance(batch, NoSamples):
            return
        encoded = self.encode(batch)
        if (result := self.loss(encoded)) is not None:
            self._validation_mean.add({"loss": result.loss.detach(), **result.logs}, result.size)
        self.update_metrics(encoded)

    def on_validation_epoch_end(self) -> None:
        """Log the mean loss and the metrics, over all processes."""
        for name, mean in self._validation_mean.compute_and_reset().items():
            self.log(f"val/{name}", mean, prog_bar=name == "loss")
        figures = {f"val/{name}": value for name, value in self.compute_metrics().items()}
        self.log_dict(figures)
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
        groups = parameter_groups(self, getattr(self.model, "encoder", None))
        mixed_precision = not str(self.trainer.precision).endswith("-true")
        optimizer = build_optimizer(self.config.optimizer, groups, mixed_precision)
        schedule = SCHEDULES.build(
            self.config.schedule,
            optimizer=optimizer,
            monitor=self.config.training.monitor,
            total_updates=self.trainer.estimated_stepping_batches,
        )
        if "monitor" in schedule:  # there is a figure only after validation
            schedule["frequency"] = self.trainer.check_val_every_n_epoch or 1
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the RNG state and the running means, so that a resumed run equals one that was not stopped."""
        self.check_finite()
        checkpoint["running_mean"] = self._running_mean.state_dict()
        checkpoint["rng_state"] = rng_states()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the running means, and keep the RNG state until training starts."""
        if self.global_rank == 0:
            self._running_mean.load_state_dict(checkpoint["running_mean"])
        self._rng_state = checkpoint["rng_state"]
        current = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]
        self.trainer.datamodule.recount(current, checkpoint["DataModule"]["position"])  # type: ignore[attr-defined]

    def on_train_start(self) -> None:
        """Restore the RNG state of the checkpoint."""
        seed = self.config.seed * 1_000_003 + self.global_step
        set_rng_state(getattr(self, "_rng_state", None), self.global_rank, seed)


TASKS: Registry[Task[Any]] = Registry("task", "captioner.training")
"""By the same names as `MODELS`."""
