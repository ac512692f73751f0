"""The gated recurrent unit as published.      N rows, H hidden."""

from typing import ClassVar

import torch

from captioner.cells.base import CELLS, State
from captioner.cells.recurrence.base import CellStep, PreActivations, Recurrence, RecurrentMatmul


@CELLS.register("gru")
class GRUCell(Recurrence):
    r"""GRU, reset before the product (Cho et al., 2014); gates r, z, n.

        r, z = sigmoid(W x + U h + b)             reset and update gates
        n    = tanh(W x + U (r * h) + b)          candidate
        h'   = z * h + (1 - z) * n

    torch's GRU resets after the product: that is `gru_torch`, and no choice of weights makes one equal to the
    other. z is the weight of the old state; its bias starts at `forget_bias`.
    """

    num_states = 1
    gates = ("r", "z", "n")
    recurrent_matrices: ClassVar = {"recurrent": ("r", "z"), "candidate": ("n",)}
    forget_gate = ("z", 1.0)

    def cell_step(
        self, preactivations: PreActivations, state: State, recurrent_matmul: RecurrentMatmul
    ) -> CellStep:
        """Compute one step by the equations above.

        Args:
            preactivations: W x + b of r and z, (N, 2H), and of n, (N, H).
            state: h, (N, H).
            recurrent_matmul: adds U h, or U (r * h).

        Returns:
            The new h; gates r, z, n.
        """
        (h_NH,) = state
        r_NH, z_NH = recurrent_matmul(preactivations[0], h_NH, "recurrent").sigmoid().chunk(2, dim=-1)
        n_NH = recurrent_matmul(preactivations[1], r_NH * h_NH, "candidate").tanh()
        return CellStep((torch.lerp(n_NH, h_NH, z_NH),), (r_NH, z_NH, n_NH))
