"""The one Lightning module: optimiser, schedule, logging, and a checkpoint that can be gone on from."""

import math
from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

import pytorch_lightning as pl
import torch
from torch import Tensor

from captioner.config import Component, Config
from captioner.errors import UserError
from captioner.registry import Registry
from captioner.training.optimization import OPTIMIZERS, SCHEDULES
from captioner.training.running_mean import RunningMean
from captioner.vocabulary import Vocabulary

Found = TypeVar("Found")

READ_EVERY = 16
"""Updates whose losses are read at once: to read a number is to wait for a GPU."""


class Loss(NamedTuple):
    """What to minimise, what to log beside it, and of how many words or answers it is the mean."""

    loss: Tensor
    logs: dict[str, Tensor]
    size: int


class Task(pl.LightningModule, ABC):
    """A model with its data, its loss and its validation. Subclasses are final.

    `default_search` is how it reads out what it says where the config does not teacher_forcing_loss.
    """

    default_search: ClassVar[Component] = {"name": "beam", "beam_size": 3}

    def __init__(self, config: Config, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.config = replace(config, search=config.search or dict(self.default_search))
        self.vocabulary = vocabulary
        self._unread: list[tuple[int, Tensor]] = []  # update, loss
        self._running_mean = RunningMean()

    @classmethod
    @abstractmethod
    def check(cls, config: Config) -> None:
        """Refuse a mistake in the parts the task is made of, before data is read or a model is built.

        Raises:
            UserError: one sentence with the nearest right name.
        """

    @classmethod
    @abstractmethod
    def prepare(cls, config: Config, cache: Path) -> tuple[Self, pl.LightningDataModule]:
        """Read the data, and make the task for it; what can be computed again is kept in `cache`."""

    @abstractmethod
    def describe(self, data: Any) -> list[str]:
        """Lines on the data and the model, for the start of a run."""

    def to_card(self) -> dict[str, Any]:
        """What a model folder has to remember beside weights, config and vocabulary."""
        return {}

    def from_card(self, card: dict[str, Any]) -> None:
        """Take it up again."""
        return

    def encode(self, batch: Any) -> Any:
        """The batch with features in place of what they are made from, so that they are made once."""
        return batch

    @abstractmethod
    def loss(self, batch: Any) -> Loss | None:
        """The teacher-forced loss; None where a batch has nothing to learn from."""

    @abstractmethod
    def update_metrics(self, batch: Any) -> None:
        """Look at what the model does with a validation batch, and remember it."""

    @abstractmethod
    def compute_metrics(self) -> dict[str, float]:
        """The figures of what was observed since the last call, by name."""

    def encoder_groups(self) -> list[dict[str, Any]]:
        """Optimiser groups for the encoder, with rates of their own where they have one."""
        return []

    def training_step(self, batch: Any, batch_idx: int) -> Tensor | None:
        """Loss of a batch, logged.

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
        """Log the means of the epoch, of what was done before a stop too."""
        self.log_dict({f"train/{name}_epoch": mean for name, mean in self._running_mean.take().items()})

    def check_finite(self) -> None:
        """Stop before what is not finite is looked at or saved.

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
        """Validate no model that is non_finite."""
        self.check_finite()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Loss of a batch, logged; and what else the model does with it, remembered."""
        encoded = self.encode(batch)
        if (result := self.loss(encoded)) is not None:
            shared: dict[str, Any] = {"batch_size": result.size, "sync_dist": True}
            self.log("val/loss", result.loss, prog_bar=True, **shared)
            self.log_dict({f"val/{name}": value for name, value in result.logs.items()}, **shared)
        self.update_metrics(encoded)

    def on_validation_epoch_end(self) -> None:
        """Log the figures of what was observed."""
        figures = {f"val/{name}": value for name, value in self.compute_metrics().items()}
        self.log_dict(figures, rank_zero_only=False, sync_dist=False)
        if (shown := self.config.training.monitor) in figures:
            self.log("score", figures[shown], prog_bar=True, logger=False)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Log the norm of the gradient as it is before clipping."""
        gradients = [
            p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None
        ]
        self.log("train/grad_norm", torch.nn.utils.get_total_norm(gradients))

    def configure_optimizers(self) -> Any:
        """The optimiser and schedule of the config over what is trained."""
        groups = self.encoder_groups()
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

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the state of chance and the epoch's figures, so that going on equals not having stopped."""
        self.check_finite()
        checkpoint["means"] = self._running_mean.state_dict()
        checkpoint["rng"] = {"cpu": torch.get_rng_state(), "gpu": torch.cuda.get_rng_state_all()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up the epoch's figures, and keep the state of chance until training starts."""
        self._running_mean.load_state_dict(checkpoint["means"])
        self._rng = checkpoint["rng"]

    def on_train_start(self) -> None:
        """Put chance where it was when the checkpoint was written."""
        if (rng := getattr(self, "_rng", None)) is not None:
            torch.set_rng_state(rng["cpu"].cpu())
            if len(rng["gpu"]) == torch.cuda.device_count():
                torch.cuda.set_rng_state_all([state.cpu() for state in rng["gpu"]])


TASKS: Registry[Task] = Registry("task", "captioner.tasks")


def task_class(config: Config) -> type[Task]:
    """The class of the task that a config names.

    Raises:
        UserError: there is no such task, or it has no such option.
    """
    TASKS.check(config.task, facts=("config", "vocabulary", "card"))
    found = TASKS[config.task["name"]]
    assert isinstance(found, type)
    return found


def check_unused_options(config: Config, keys: Collection[str]) -> None:
    """Refuse what a config sets although its task has no use for it: `encoder`, `training.max_words`, ...

    Raises:
        UserError: names the key.
    """
    plain = Config(task={}, data={})
    for key in keys:
        if attrgetter(key)(config) != attrgetter(key)(plain):
            raise UserError(f"{key} has no meaning for the task {config.task['name']}.")


def gather_from_all_processes(found: dict[int, Found]) -> dict[int, Found]:
    """What all processes found, by id, each once."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return found
    parts: list[dict[int, Found]] = [{}] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(parts, found)
    return {key: one for part in parts for key, one in part.items()}
