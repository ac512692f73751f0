"""The gated recurrent unit as torch computes it.      N rows, T time, E input, H hidden."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from captioner.cells.base import CELLS, CellOutput, State
from captioner.cells.recurrence.base import CellStep, PreActivations, Recurrence, RecurrentMatmul
from captioner.cells.recurrence.fused import run_fused


@CELLS.register("gru_torch")
class TorchGRUCell(Recurrence):
    r"""GRU, reset after the product, as in `torch.nn.GRU` and cuDNN; gates r, z, n.

        r, z = sigmoid(W x + U h + b)             reset and update gates
        n    = tanh(W x + b + r * (U h + d))      candidate
        h'   = z * h + (1 - z) * n

    Differs from `torch.nn.GRU` in one thing: where torch has two biases that are only ever added, there is
    one. z is the weight of the old state; its bias starts at `forget_bias`.
    """

    num_states = 1
    gates = ("r", "z", "n")
    recurrent_matrices: ClassVar = {"recurrent": gates}
    forget_gate = ("z", 1.0)
    fused_on = frozenset({"cuda"})

    def add_parameters(self) -> None:
        """Create the bias d."""
        self.reset_bias = nn.Parameter(torch.zeros(self.hidden_dim))

    def preactivations(self, projected: Tensor) -> PreActivations:
        """Return what U h is added to (W x + b of r and z, then d), and W x + b of n."""
        gates, candidate = torch.split(projected, [2 * self.hidden_dim, self.hidden_dim], dim=-1)
        return torch.cat([gates, self.reset_bias.expand_as(candidate)], dim=-1), candidate

    def cell_step(
        self, preactivations: PreActivations, state: State, recurrent_matmul: RecurrentMatmul
    ) -> CellStep:
        """Compute one step by the equations above.

        Args:
            preactivations: W x + b of r and z, then d, (N, 3H); W x + b of n, (N, H).
            state: h, (N, H).
            recurrent_matmul: adds U h.

        Returns:
            The new h; gates r, z, n.
        """
        (h_NH,) = state
        r_NH, z_NH, inner_NH = recurrent_matmul(preactivations[0], h_NH, "recurrent").chunk(3, dim=-1)
        r_NH, z_NH = r_NH.sigmoid(), z_NH.sigmoid()
        n_NH = (preactivations[1] + r_NH * inner_NH).tanh()
        return CellStep((torch.lerp(n_NH, h_NH, z_NH),), (r_NH, z_NH, n_NH))

    def fused(self, x_NTE: Tensor, state: State) -> CellOutput:
        """Run a whole sequence in torch's kernel, whose second bias is (0, 0, d)."""
        zeros_2H = self.reset_bias.new_zeros(2 * self.hidden_dim)
        second_bias_3H = torch.cat([zeros_2H, self.reset_bias])
        return run_fused(torch.gru, self, x_NTE, state, second_bias_G=second_bias_3H)
