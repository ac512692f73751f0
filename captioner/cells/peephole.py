"""LSTM whose gates see its memory.      N rows, T time, E input, H hidden."""

from typing import ClassVar

import torch
from torch import nn

from captioner.cells.base import CELLS, State
from captioner.cells.initial import Init
from captioner.cells.recurrence import Add, Blocks, Moment, Recurrence


@CELLS.register("peephole")
class PeepholeLSTMCell(Recurrence):
    r"""LSTM with peepholes (Gers and Schmidhuber, 2000); gates i, f, g, o.

        i, f = sigmoid(W x + U h + p * c + b)     input and forget gates see the old memory
        g    = tanh(W x + U h + b)                candidate
        c'   = f * c + i * g
        o    = sigmoid(W x + U h + p * c' + b)    the output gate sees the new one
        h'   = o * tanh(c')

    Peepholes p are a vector for each gate and start at zero; the forget gate's bias at `forget_bias`.
    """

    num_states = 2
    gates = ("i", "f", "g", "o")
    products: ClassVar = {"recurrent": gates}
    keeps = ("f", 1.0)

    def __init__(
        self,
        input_dim: int,
        hidden_dim: int = 512,
        forget_bias: float = 1.0,
        init: Init = "uniform",
        init_scale: float | None = None,
    ) -> None:
        super().__init__(input_dim, hidden_dim, forget_bias, init, init_scale)
        self.peepholes = nn.Parameter(torch.zeros(3, hidden_dim))

    def recur(self, blocks: Blocks, state: State, add: Add) -> Moment:
        """One step by the equations above."""
        h_NH, c_NH = state
        sums_N4H = add(blocks[0], h_NH, "recurrent").view(-1, 4, self.hidden_dim)
        old_N2H, g_N1H, o_N1H = torch.split(sums_N4H, [2, 1, 1], dim=1)
        peepholes_2H, peephole_1H = torch.split(self.peepholes, [2, 1])
        i_NH, f_NH = torch.addcmul(old_N2H, c_NH.unsqueeze(1), peepholes_2H).sigmoid().unbind(dim=1)
        g_NH = g_N1H.squeeze(1).tanh()
        c_NH = torch.addcmul(f_NH * c_NH, i_NH, g_NH)
        o_NH = torch.addcmul(o_N1H.squeeze(1), c_NH, peephole_1H).sigmoid()
        return Moment((o_NH * c_NH.tanh(), c_NH), (i_NH, f_NH, g_NH, o_NH))
