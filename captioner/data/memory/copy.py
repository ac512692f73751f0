"""Copy ten symbols after a pause."""

import math

import numpy as np
from torch import Tensor

from captioner.data.memory.base import (
    MEMORY_PROBLEMS,
    MemoryProblem,
    MemoryScore,
    MemorySequence,
    one_hot_rows,
)

SYMBOLS, COPIED = 8, 10
BLANK, GO = SYMBOLS, SYMBOLS + 1


@MEMORY_PROBLEMS.register("copy")
class Copy(MemoryProblem):
    """Ten symbols of eight, `length` - 1 blanks, a signal and ten blanks; the answer at the end is the ten.

    Until then the answer is a blank, at `length` + 10 steps. All `length` + 20 answers are in the loss, the
    ten symbols count as right or wrong. The best without memory answers blanks, then each symbol with the
    same probability.

    Source:
        Hochreiter and Schmidhuber (1997); in this form Arjovsky, Shah and Bengio (2016), sec. 5.1.
    """

    input_dim = SYMBOLS + 2
    output_dim = SYMBOLS + 1

    @property
    def steps(self) -> int:
        """See `MemoryProblem`."""
        return self.length + 2 * COPIED

    @property
    def scored_steps(self) -> int:
        """See `MemoryProblem`."""
        return self.steps

    @property
    def baseline(self) -> float:
        """10 ln 8 / (length + 20)."""
        return COPIED * math.log(SYMBOLS) / self.steps

    def draw(self, rng: np.random.Generator) -> MemorySequence:
        """See `MemoryProblem`."""
        symbols = rng.integers(SYMBOLS, size=COPIED)
        shown, wanted = (np.full(self.steps, BLANK, dtype=np.int64) for _ in range(2))
        shown[:COPIED] = symbols
        shown[self.length + COPIED - 1] = GO
        wanted[-COPIED:] = symbols
        return MemorySequence(one_hot_rows(shown, self.input_dim), wanted)

    def score(self, outputs_NTO: Tensor, targets: Tensor) -> MemoryScore:
        """Compute the cross-entropy of all answers, and how many of the symbols are right.

        Args:
            outputs_NTO: logits.
            targets: the classes, (N, T).

        Returns:
            The loss, and the symbols that are right.
        """
        loss = super().score(outputs_NTO, targets).loss
        right = outputs_NTO[:, -COPIED:].argmax(dim=2) == targets[:, -COPIED:]
        return MemoryScore(loss, right.sum(), right.numel())
