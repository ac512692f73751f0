"""The second of three cells found by a search over architectures.      N rows, H hidden."""

from typing import ClassVar

import torch
from torch import Tensor

from captioner.cells.base import CELLS, State
from captioner.cells.identity_input import IdentityInputCell
from captioner.cells.recurrence.base import CellStep, PreActivations, RecurrentMatmul


@CELLS.register("mut2")
class MUT2Cell(IdentityInputCell):
    r"""MUT2 (Jozefowicz et al., 2015); gates z, r, n.

        z  = sigmoid(W x + U h + b)               update gate: the weight of the candidate
        r  = sigmoid(x + U h + b)                 reset gate
        n  = tanh(U (r * h) + W x + b)            candidate
        h' = z * n + (1 - z) * h

    The x in the reset gate is the input itself. The bias of z starts at minus `forget_bias`.
    """

    num_states = 1
    gates = ("z", "r", "n")
    recurrent_matrices: ClassVar = {"recurrent": ("z", "r"), "candidate": ("n",)}
    identity_input_gate = "r"
    forget_gate = ("z", -1.0)

    def preactivations(self, projected: Tensor) -> PreActivations:
        """Return W x + b of z and x + b of r together, and W x + b of n."""
        z, n = self.input(projected).chunk(2, dim=-1)
        return torch.cat([z, projected + self.identity_bias], dim=-1), n

    def cell_step(
        self, preactivations: PreActivations, state: State, recurrent_matmul: RecurrentMatmul
    ) -> CellStep:
        """Compute one step by the equations above.

        Args:
            preactivations: of z and r, (N, 2H), and of n, (N, H).
            state: h, (N, H).
            recurrent_matmul: adds U h, or U (r * h).

        Returns:
            The new h; gates z, r, n.
        """
        (h_NH,) = state
        z_NH, r_NH = recurrent_matmul(preactivations[0], h_NH, "recurrent").sigmoid().chunk(2, dim=-1)
        n_NH = recurrent_matmul(preactivations[1], r_NH * h_NH, "candidate").tanh()
        return CellStep((torch.lerp(h_NH, n_NH, z_NH),), (z_NH, r_NH, n_NH))
