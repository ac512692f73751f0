"""LSTM whose input gate is one minus its forget gate.      N rows, T time, E input, H hidden."""

from typing import ClassVar

import torch
from torch import Tensor

from captioner.cells.base import CELLS, CellOutput, State
from captioner.cells.lstm_base import LSTMBase
from captioner.cells.recurrence.base import CellStep, PreActivations, RecurrentMatmul
from captioner.cells.recurrence.fused import run_fused
from captioner.cells.recurrence.scan import linear_scan


@CELLS.register("coupled")
class CoupledLSTMCell(LSTMBase):
    r"""LSTM with coupled input and forget gates (CIFG in Greff et al., 2015; no peepholes); gates f, o, g.

        f, o = sigmoid(W x + U h + b)             forget and output gates
        g    = tanh(W x + U h + b)                candidate
        c'   = f * c + (1 - f) * g
        h'   = o * tanh(c')

    The forget gate's bias starts at `forget_bias`.
    """

    gates = ("f", "o", "g")
    recurrent_matrices: ClassVar = {"recurrent": gates}
    fused_on = frozenset({"cuda"})

    def cell_step(
        self, preactivations: PreActivations, state: State, recurrent_matmul: RecurrentMatmul
    ) -> CellStep:
        """Compute one step by the equations above.

        Args:
            preactivations: W x + b of all gates, (N, 3H).
            state: h and c, each (N, H).
            recurrent_matmul: adds U h.

        Returns:
            The new h and c; gates f, o, g.
        """
        h_NH, c_NH = state
        f_NH, o_NH, g_NH = recurrent_matmul(preactivations[0], h_NH, "recurrent").chunk(3, dim=-1)
        f_NH, o_NH, g_NH = f_NH.sigmoid(), o_NH.sigmoid(), g_NH.tanh()
        c_NH = torch.lerp(g_NH, c_NH, f_NH)
        return CellStep((o_NH * c_NH.tanh(), c_NH), (f_NH, o_NH, g_NH))

    def fused(self, x_NTE: Tensor, state: State) -> CellOutput:
        """Run a plain LSTM whose input gate has the forget gate's weights negated.

        This is exact, since sigmoid(-a) = 1 - sigmoid(a). It computes a fourth gate, so it is faster on a GPU
        only.
        """

        def four_gates(rows: Tensor) -> Tensor:
            f, o, g = rows.chunk(3)
            return torch.cat([-f, f, g, o])

        weights = (self.input.weight, self.recurrent.weight, self.input.bias)
        W_4HE, U_4HH, b_4H = map(four_gates, weights)
        return run_fused(torch.lstm, self, x_NTE, state, (W_4HE, U_4HH, b_4H))

    def recover_states(self, gates: dict[str, Tensor], state: State) -> State:
        """Compute the memory c at every time."""
        return (linear_scan(gates["f"], (1 - gates["f"]) * gates["g"], state[1]),)
