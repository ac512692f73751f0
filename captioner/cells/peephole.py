"""LSTM whose gates see its memory.      N rows, H hidden."""

from typing import ClassVar

import torch
from torch import nn

from captioner.cells.base import CELLS, State
from captioner.cells.lstm_base import LSTMBase
from captioner.cells.recurrence.base import CellStep, PreActivations, RecurrentMatmul


@CELLS.register("peephole")
class PeepholeLSTMCell(LSTMBase):
    r"""LSTM with peepholes (Gers and Schmidhuber, 2000); gates i, f, g, o.

        i, f = sigmoid(W x + U h + p * c + b)     input and forget gates see the old memory
        g    = tanh(W x + U h + b)                candidate
        c'   = f * c + i * g
        o    = sigmoid(W x + U h + p * c' + b)    the output gate sees the new one
        h'   = o * tanh(c')

    Peepholes p are a vector for each gate and start at zero; the forget gate's bias at `forget_bias`.
    """

    gates = ("i", "f", "g", "o")
    recurrent_matrices: ClassVar = {"recurrent": gates}

    def add_parameters(self) -> None:
        """Create the peepholes of i, f and o."""
        self.peepholes = nn.Parameter(torch.zeros(3, self.hidden_dim))

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
        p_i, p_f, p_o = self.peepholes.unbind()
        i_NH, f_NH = (i_NH + p_i * c_NH).sigmoid(), (f_NH + p_f * c_NH).sigmoid()
        g_NH = g_NH.tanh()
        c_NH = f_NH * c_NH + i_NH * g_NH
        o_NH = (o_NH + p_o * c_NH).sigmoid()
        return CellStep((o_NH * c_NH.tanh(), c_NH), (i_NH, f_NH, g_NH, o_NH))
