"""The first of three cells found by a search over architectures.      N rows, H hidden."""

from typing import ClassVar

import torch
from torch import Tensor

from captioner.cells.base import CELLS, State
from captioner.cells.identity_input import IdentityInputCell
from captioner.cells.recurrence.base import CellStep, PreActivations, RecurrentMatmul


@CELLS.register("mut1")
class MUT1Cell(IdentityInputCell):
    r"""MUT1 (Jozefowicz et al., 2015); gates r, n, z.

        z  = sigmoid(W x + b)                     update gate: the weight of the candidate
        r  = sigmoid(W x + U h + b)               reset gate
        n  = tanh(U (r * h) + tanh(x) + b)        candidate
        h' = z * n + (1 - z) * h

    The x in tanh(x) is the input itself. The bias of z starts at minus `forget_bias`.
    """

    num_states = 1
    gates = ("r", "n", "z")
    recurrent_matrices: ClassVar = {"recurrent": ("r",), "candidate": ("n",)}
    identity_input_gate = "n"
    forget_gate = ("z", -1.0)

    def preactivations(self, projected: Tensor) -> PreActivations:
        """Return W x + b of r, tanh(x) + b of n, and z, which needs no state."""
        r, z = self.input(projected).chunk(2, dim=-1)
        return r, projected.tanh() + self.identity_bias, z.sigmoid()

    def cell_step(
        self, preactivations: PreActivations, state: State, recurrent_matmul: RecurrentMatmul
    ) -> CellStep:
        """Compute one step by the equations above.

        Args:
            preactivations: of r and of n, and z, each (N, H).
            state: h, (N, H).
            recurrent_matmul: adds U h, or U (r * h).

        Returns:
            The new h; gates r, n, z.
        """
        (h_NH,), z_NH = state, preactivations[2]
        r_NH = recurrent_matmul(preactivations[0], h_NH, "recurrent").sigmoid()
        n_NH = recurrent_matmul(preactivations[1], r_NH * h_NH, "candidate").tanh()
        return CellStep((torch.lerp(h_NH, n_NH, z_NH),), (r_NH, n_NH, z_NH))
