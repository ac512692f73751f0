"""The minimal gated recurrent unit.      N rows, T time, H hidden."""

import torch
from torch import Tensor

from captioner.cells.base import CELLS
from captioner.cells.recurrence.linear import LinearRecurrence, LinearStep


@CELLS.register("min_gru")
class MinGRUCell(LinearRecurrence):
    r"""Minimal GRU, whose gates do not see the state; gates z, n.

        z  = sigmoid(W x + b)                     update gate: the weight of the candidate
        n  = g(W x + b)                           candidate, above 0
        h' = (1 - z) * h + z * n

        g(a) = a + 0.5 where a >= 0, else sigmoid(a)

    The bias of z starts at minus `forget_bias`.

    Source:
        Feng et al. (2024), "Were RNNs all we needed?", sec. 3.1 and the log-space form of appendix B, which
        keeps candidates positive so that they have logarithms. The scan here multiplies gates and never
        divides by a product of them, so it needs no logarithms: states may be negative, as a decoder may
        start them, and it is as exact.
    """

    gates = ("z", "n")
    forget_gate = ("z", -1.0)

    def linear_step(self, projected: Tensor) -> LinearStep:
        """Compute the step by the equations above, from W x + b of z and n."""
        z, n = projected.chunk(2, dim=-1)
        z, n = z.sigmoid(), positive(n)
        return LinearStep(1 - z, z * n, (z, n))


def positive(a: Tensor) -> Tensor:
    """Compute a + 0.5 where a >= 0, else sigmoid(a)."""
    return torch.where(a >= 0, a + 0.5, a.sigmoid())
