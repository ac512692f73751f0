"""Define a memory problem: sequences whose answer depends on what was read long before.

N sequences, T time, E input, O output.
"""

from abc import ABC, abstractmethod
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from annotated_types import Ge, Le
from numpy.typing import NDArray
from torch import Tensor

from captioner.errors import UserError
from captioner.ranges import Count
from captioner.registry import Registry

Steps = Annotated[int, Ge(1), Le(100_000)]
"""The greatest, in batches of 100, makes inputs of 0.4 GB."""


class MemorySequence(NamedTuple):
    """One sequence and its answer."""

    input_TE: NDArray[np.float32]
    target: NDArray[np.generic]  # a number, or a class for every time that is scored


class MemoryBatch(NamedTuple):
    """Sequences and their answers."""

    inputs_NTE: Tensor
    targets: Tensor  # (N, scored times) classes, or (N, 1) numbers


class MemoryScore(NamedTuple):
    """How a batch was answered."""

    loss: Tensor
    num_right: Tensor  # of the answers
    num_answers: int


class MemoryProblem(ABC):
    """A problem of one length, from which sequences are drawn without end. Subclasses are final.

    The constructor's arguments are the options under `data`.

    Args:
        length: how long the answer has to be remembered, in steps; what exactly, the problem says.
        num_train: sequences of an epoch of training.
        num_val: sequences of validation.
        num_test: sequences of the test.

    Raises:
        UserError: the length is too short.

    Attributes:
        input_dim: E.
        output_dim: O.
    """

    input_dim: ClassVar[int]
    output_dim: ClassVar[int]
    min_length: ClassVar[int] = 1

    def __init__(
        self, length: Steps = 50, num_train: Count = 20_000, num_val: Count = 1000, num_test: Count = 1000
    ) -> None:
        if length < self.min_length:
            raise UserError(f"data.length must be at least {self.min_length}, not {length}.")
        self.length = length
        self.sizes = {"train": num_train, "val": num_val, "test": num_test}

    @property
    def steps(self) -> int:
        """T: the number of inputs of a sequence."""
        return self.length

    @property
    def scored_steps(self) -> int:
        """How many of the last outputs are scored; one unless a problem says otherwise."""
        return 1

    @property
    @abstractmethod
    def baseline(self) -> float:
        """The loss of the best answer that remembers nothing, in closed form."""

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> MemorySequence:
        """Draw a sequence."""

    def score(self, outputs_NTO: Tensor, targets: Tensor) -> MemoryScore:
        """Score the last outputs: the cross-entropy of classes, unless a problem says otherwise.

        Args:
            outputs_NTO: the outputs that are scored, logits of the classes.
            targets: the classes, (N, T).

        Returns:
            The mean loss over answers, and how many are right.
        """
        logits_MO, targets_M = outputs_NTO.flatten(0, 1), targets.flatten()
        right = (logits_MO.argmax(dim=1) == targets_M).sum()
        return MemoryScore(F.cross_entropy(logits_MO, targets_M), right, len(targets_M))


def one_hot_rows(symbols_T: NDArray[np.int64], num_symbols: int) -> NDArray[np.float32]:
    """Return a row for each symbol with a one at its number."""
    return np.eye(num_symbols, dtype=np.float32)[symbols_T]


def stack(sequences: list[MemorySequence]) -> MemoryBatch:
    """Return sequences of one length as a batch."""
    inputs_NTE = torch.from_numpy(np.stack([one.input_TE for one in sequences]))
    return MemoryBatch(inputs_NTE, torch.from_numpy(np.stack([one.target for one in sequences])))


MEMORY_PROBLEMS: Registry[MemoryProblem] = Registry("data set", "captioner.data.memory")
