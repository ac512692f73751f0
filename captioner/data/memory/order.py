"""Tell in which order two symbols came."""

import math

import numpy as np

from captioner.data.memory.base import MEMORY_PROBLEMS, MemoryProblem, MemorySequence, one_hot_rows

DISTRACTORS = 4  # the first numbers; then X and Y, then the first and the last symbol of every sequence
X, START, END = DISTRACTORS, DISTRACTORS + 2, DISTRACTORS + 3


@MEMORY_PROBLEMS.register("order")
class Order(MemoryProblem):
    """`length` symbols, among them twice X or Y; the answer at the end is XX, XY, YX or YY.

    The first of them comes within 10 to 20 % of the length, the second within 50 to 60 %; the others are
    drawn of four that mean nothing, between a first and a last symbol of their own. The best without memory
    is right once in four.

    Source:
        Hochreiter and Schmidhuber (1997), sec. 5.6, task 6a, where lengths are drawn from 100 to 110.
    """

    input_dim = DISTRACTORS + 4
    output_dim = 4
    min_length = 10

    @property
    def baseline(self) -> float:
        """The logarithm of 4."""
        return math.log(4)

    def draw(self, rng: np.random.Generator) -> MemorySequence:
        """See `MemoryProblem`."""
        shown = rng.integers(DISTRACTORS, size=self.length)
        shown[0], shown[-1] = START, END
        first, second = rng.integers(2, size=2)
        for kind, (low, high) in ((first, (0.1, 0.2)), (second, (0.5, 0.6))):
            shown[rng.integers(int(low * self.length), int(high * self.length))] = X + kind
        return MemorySequence(one_hot_rows(shown, self.input_dim), np.array([2 * first + second]))
