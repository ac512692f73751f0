"""Long short-term memory.      N rows, T time, E input, H hidden."""

from typing import ClassVar

import torch
from torch import Tensor

from captioner.cells.base import CELLS, CellOutput, State
from captioner.cells.lstm_base import LSTMBase
from captioner.cells.recurrence.base import CellStep, PreActivations, RecurrentMatmul
from captioner.cells.recurrence.fused import run_fused
from captioner.cells.recurrence.scan import linear_scan


@CELLS.register("lstm")
class LSTMCell(LSTMBase):
    r"""LSTM with forget gate (Hochreiter and Schmidhuber, 1997; Gers et al., 2000); gates i, f, g, o.

        i, f, o = sigmoid(W x + U h + b)          input, forget and output gates
        g       = tanh(W x + U h + b)             candidate
        c'      = f * c + i * g
        h'      = o * tanh(c')

    Differs from `torch.nn.LSTM` in one thing: a single bias, whose forget part starts at `forget_bias`.
    """

    gates = ("i", "f", "g", "o")
    recurrent_matrices: ClassVar = {"recurrent": gates}
    fused_on = frozenset({"cpu", "cuda"})

    def cell_step(
        self, preactivations: PreActivations, state: State, recurrent_matmul: RecurrentMatmul
    ) -> CellStep:
        """Compute one step by the equations above.

        Args:
            preactivations: W x + b of all gates, (N, 4H).
            state: h and c, each (N, H).
            recurrent_matmul: adds U h.

        Returns:
            The new h and c; gates i, f, g, o.
        """
        h_NH, c_NH = state
        i_NH, f_NH, g_NH, o_NH = recurrent_matmul(preactivations[0], h_NH, "recurrent").chunk(4, dim=-1)
        i_NH, f_NH, g_NH, o_NH = i_NH.sigmoid(), f_NH.sigmoid(), g_NH.tanh(), o_NH.sigmoid()
        c_NH = f_NH * c_NH + i_NH * g_NH
        return CellStep((o_NH * c_NH.tanh(), c_NH), (i_NH, f_NH, g_NH, o_NH))

    def fused(self, x_NTE: Tensor, state: State) -> CellOutput:
        """Run a whole sequence in torch's kernel, whose second bias is held at zero."""
        return run_fused(torch.lstm, self, x_NTE, state)

    def recover_states(self, gates: dict[str, Tensor], state: State) -> State:
        """Compute the memory c at every time."""
        return (linear_scan(gates["f"], gates["i"] * gates["g"], state[1]),)
