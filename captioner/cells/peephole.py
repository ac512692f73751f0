"""LSTM whose gates see its memory.      N rows, T time, E input, H hidden."""

from typing import ClassVar

import torch
from torch import nn

from captioner.cells.base import CELLS, State
from captioner.cells.lstm_base import MemoryCell
from captioner.cells.recurrence import Add, Blocks, Moment


@CELLS.register("peephole")
class PeepholeLSTMCell(MemoryCell):
    r"""LSTM with peepholes (Gers and Schmidhuber, 2000); gates i, f, g, o.

        i, f = sigmoid(W x + U h + p * c + b)     input and forget gates see the old memory
        g    = tanh(W x + U h + b)                candidate
        c'   = f * c + i * g
        o    = sigmoid(W x + U h + p * c' + b)    the output gate sees the new one
        h'   = o * tanh(c')

    Peepholes p are a vector for each gate and start at zero; the forget gate's bias at `forget_bias`.
    """

    gates = ("i", "f", "g", "o")
    products: ClassVar = {"recurrent": gates}

    def add_parameters(self) -> None:
        """The peepholes of i, f and o."""
        self.peepholes = nn.Parameter(torch.zeros(3, self.hidden_dim))

    def recur(self, blocks: Blocks, state: State, add: Add) -> Moment:
        """One step by the equations above."""
        h_NH, c_NH = state
        i_NH, f_NH, g_NH, o_NH = add(blocks[0], h_NH, "recurrent").chunk(4, dim=-1)
        p_i, p_f, p_o = self.peepholes.unbind()
        i_NH, f_NH = (i_NH + p_i * c_NH).sigmoid(), (f_NH + p_f * c_NH).sigmoid()
        g_NH = g_NH.tanh()
        c_NH = f_NH * c_NH + i_NH * g_NH
        o_NH = (o_NH + p_o * c_NH).sigmoid()
        return Moment((o_NH * c_NH.tanh(), c_NH), (i_NH, f_NH, g_NH, o_NH))
