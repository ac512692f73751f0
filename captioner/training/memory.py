"""Train cells on memory problems."""

from pathlib import Path
from typing import Self

import torch

from captioner.config import Config
from captioner.data.memory.base import MEMORY_PROBLEMS, MemoryBatch
from captioner.data.memory.batches import MemoryData
from captioner.models.memory import MemoryModel, no_words
from captioner.training.checks.monitor import check_monitor
from captioner.training.gather import gather_from_all_processes
from captioner.training.loss import Loss
from captioner.training.task import TASKS, Task


@TASKS.register("memory")
class MemoryTask(Task[MemoryModel]):
    """Answer sequences of a memory problem.

    `val/accuracy` is the share of right answers and `val/of_baseline` the loss as a share of that of the best
    answer without memory.

    Args:
        model: what is trained.
    """

    def __init__(self, model: MemoryModel) -> None:
        super().__init__(model)
        self._batches: dict[int, tuple[float, int, int]] = {}  # loss times answers, right ones, answers

    @classmethod
    def check(cls, config: Config) -> None:
        """Refuse a monitored figure that validation does not have."""
        check_monitor(config, ("accuracy", "of_baseline"))

    @classmethod
    def prepare(cls, config: Config, cache: Path) -> tuple[Self, MemoryData]:
        """Build the task; sequences are drawn when they are needed."""
        task = cls.from_config(config, no_words())
        return task, MemoryData(task.model.problem, config.training, config.seed)

    @classmethod
    def check_data(cls, config: Config) -> object:
        """Return the sizes of the problem."""
        problem = MEMORY_PROBLEMS.build(config.data)
        return (
            f"{config.data['name']}: {problem.steps:,} steps, of which the last {problem.scored_steps:,} are "
            f"answered; loss without memory {problem.baseline:.4f}"
        )

    def describe(self, data: MemoryData) -> list[str]:
        """Return lines on the problem and what counts as remembering."""
        problem = data.problem
        return [
            f"data       {self.config.data['name']}: {problem.steps:,} steps, "
            f"{problem.sizes['train']:,} new sequences an epoch",
            f"baseline   a loss of {problem.baseline:.4f} without memory",
        ]

    def loss(self, batch: MemoryBatch) -> Loss:
        """Return the loss of the problem."""
        outputs_NTO = self.model(batch.inputs_NTE, self.model.problem.scored_steps)
        score = self.model.problem.score(outputs_NTO, batch.targets)
        return Loss(score.loss, {}, score.num_answers)

    @torch.no_grad()
    def update_metrics(self, batch: MemoryBatch) -> None:
        """Count the right answers of a validation batch."""
        outputs_NTO = self.model(batch.inputs_NTE, self.model.problem.scored_steps)
        loss, right, answers = self.model.problem.score(outputs_NTO, batch.targets)
        key = len(self._batches) * self.trainer.world_size + self.global_rank
        self._batches[key] = (float(loss) * answers, int(right), answers)

    def compute_metrics(self) -> dict[str, float]:
        """Return the accuracy and the loss beside that without memory."""
        scored = gather_from_all_processes(self._batches).values()
        self._batches = {}
        loss, right, answers = (sum(column) for column in zip(*scored, strict=True))
        return {"accuracy": right / answers, "of_baseline": loss / answers / self.model.problem.baseline}
