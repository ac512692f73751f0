"""Make batches of a memory problem: new sequences in every epoch of training, the same ones otherwise."""

import numpy as np

from captioner.config import TrainingConfig
from captioner.data.loader import ResumableLoader, SampleIndex
from captioner.data.memory.base import MemoryBatch, MemoryProblem, stack
from captioner.data.module import TrainingData

SEEDS = {"train": 0, "val": 1, "test": 2}
"""So that no split repeats another; training also has the run's seed."""


class MemoryItems:
    """The sequences of a split; a batch of them is drawn when it is asked for.

    Args:
        problem: what they are drawn from.
        split: train, val or test.
        seed: of the run; for training alone.
    """

    def __init__(self, problem: MemoryProblem, split: str, seed: int = 0) -> None:
        self.problem, self.split = problem, split
        self.seed = (seed, SEEDS[split]) if split == "train" else (0, SEEDS[split])

    def __len__(self) -> int:
        return self.problem.sizes[self.split]

    def __getitems__(self, indices: list[SampleIndex]) -> MemoryBatch:
        return stack(
            [
                self.problem.draw(np.random.default_rng((*self.seed, index.epoch, index.number)))
                for index in indices
            ]
        )


class MemoryData(TrainingData[MemoryBatch]):
    """A memory problem as loaders.

    Args:
        problem: what is drawn from.
        training: batch size and number of workers.
        seed: of the run.
    """

    def __init__(self, problem: MemoryProblem, training: TrainingConfig, seed: int) -> None:
        self.problem, self.training, self.seed = problem, training, seed

    def loader(self, split: str) -> ResumableLoader[MemoryBatch]:
        """Return the batches of a split."""
        items = MemoryItems(self.problem, split, self.seed)
        return self.make_loader(items, self.training, self.seed, shuffle=split == "train")

    def fingerprint(self) -> str:
        """See `TrainingData`; sequences are drawn as the config says."""
        return ""

    def training_loader(self) -> ResumableLoader[MemoryBatch]:
        """Return batches of new sequences."""
        return self.loader("train")

    def validation_loader(self) -> ResumableLoader[MemoryBatch]:
        """Return batches of the same sequences at all times."""
        return self.loader("val")
