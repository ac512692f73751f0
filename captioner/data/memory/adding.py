"""Add two marked numbers of many."""

import numpy as np
from torch import Tensor

from captioner.data.memory.base import MEMORY_PROBLEMS, MemoryProblem, MemoryScore, MemorySequence


@MEMORY_PROBLEMS.register("adding")
class Adding(MemoryProblem):
    """`length` numbers of U(0, 1), of which one in each half is marked; the answer at the end is their sum.

    The loss is the squared error. The best without memory answers 1, with the variance of the sum, 1/6, as
    its loss. An answer is right within 0.04.

    Source:
        Hochreiter and Schmidhuber (1997), sec. 5.4; in this form Arjovsky, Shah and Bengio (2016), sec. 5.2.
    """

    input_dim = 2
    output_dim = 1
    min_length = 2
    tolerance = 0.04

    @property
    def baseline(self) -> float:
        """1/6."""
        return 1 / 6

    def draw(self, rng: np.random.Generator) -> MemorySequence:
        """See `MemoryProblem`."""
        half = self.length // 2
        marked = [rng.integers(half), rng.integers(half, self.length)]
        input_TE = np.zeros((self.length, 2), dtype=np.float32)
        input_TE[:, 0] = rng.random(self.length)
        input_TE[marked, 1] = 1
        return MemorySequence(input_TE, input_TE[marked, 0].sum(keepdims=True))

    def score(self, outputs_NTO: Tensor, targets: Tensor) -> MemoryScore:
        """Compute the mean squared error of the last output.

        Args:
            outputs_NTO: the last output, (N, 1, 1).
            targets: the sums, (N, 1).

        Returns:
            The loss, and how many are within the tolerance.
        """
        error_N1 = outputs_NTO[:, -1] - targets
        right = (error_N1.abs() < self.tolerance).sum()
        return MemoryScore(error_N1.square().mean(), right, len(targets))
