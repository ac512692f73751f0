"""The third of three cells found by a search over architectures.      N rows, H hidden."""

from typing import ClassVar

import torch

from captioner.cells.base import CELLS, State
from captioner.cells.recurrence.base import CellStep, PreActivations, Recurrence, RecurrentMatmul


@CELLS.register("mut3")
class MUT3Cell(Recurrence):
    r"""MUT3 (Jozefowicz et al., 2015); gates z, r, n.

        z  = sigmoid(W x + U tanh(h) + b)         update gate: the weight of the candidate
        r  = sigmoid(W x + U h + b)               reset gate
        n  = tanh(U (r * h) + W x + b)            candidate
        h' = z * n + (1 - z) * h

    The bias of z starts at minus `forget_bias`.
    """

    num_states = 1
    gates = ("z", "r", "n")
    recurrent_matrices: ClassVar = {"update": ("z",), "recurrent": ("r",), "candidate": ("n",)}
    forget_gate = ("z", -1.0)

    def cell_step(
        self, preactivations: PreActivations, state: State, recurrent_matmul: RecurrentMatmul
    ) -> CellStep:
        """Compute one step by the equations above.

        Args:
            preactivations: W x + b of z, of r and of n, each (N, H).
            state: h, (N, H).
            recurrent_matmul: adds U tanh(h), U h or U (r * h).

        Returns:
            The new h; gates z, r, n.
        """
        (h_NH,) = state
        z_NH = recurrent_matmul(preactivations[0], h_NH.tanh(), "update").sigmoid()
        r_NH = recurrent_matmul(preactivations[1], h_NH, "recurrent").sigmoid()
        n_NH = recurrent_matmul(preactivations[2], r_NH * h_NH, "candidate").tanh()
        return CellStep((torch.lerp(h_NH, n_NH, z_NH),), (z_NH, r_NH, n_NH))
