"""LSTM whose input gate is what its forget gate leaves.      N rows, T time, E input, H hidden."""

from typing import ClassVar

import torch
from torch import Tensor

from captioner.cells.base import CELLS, Ran, State
from captioner.cells.fused import run_kernel
from captioner.cells.lstm_base import MemoryCell, scan
from captioner.cells.recurrence import Add, Blocks, Moment


@CELLS.register("coupled")
class CoupledLSTMCell(MemoryCell):
    r"""LSTM with coupled input and forget gates (CIFG in Greff et al., 2015; no peepholes); gates f, o, g.

        f, o = sigmoid(W x + U h + b)             forget and output gates
        g    = tanh(W x + U h + b)                candidate
        c'   = f * c + (1 - f) * g
        h'   = o * tanh(c')

    The forget gate's bias starts at `forget_bias`.
    """

    gates = ("f", "o", "g")
    products: ClassVar = {"recurrent": gates}
    fused_on = frozenset({"cuda"})

    def recur(self, blocks: Blocks, state: State, add: Add) -> Moment:
        """One step by the equations above."""
        h_NH, c_NH = state
        f_NH, o_NH, g_NH = add(blocks[0], h_NH, "recurrent").chunk(3, dim=-1)
        f_NH, o_NH, g_NH = f_NH.sigmoid(), o_NH.sigmoid(), g_NH.tanh()
        c_NH = torch.lerp(g_NH, c_NH, f_NH)
        return Moment((o_NH * c_NH.tanh(), c_NH), (f_NH, o_NH, g_NH))

    def fused(self, x_NTE: Tensor, state: State) -> Ran:
        """A plain LSTM whose input gate has the forget gate's weights negated: sigmoid(-a) = 1 - sigmoid(a).

        It makes a fourth gate, so that it pays on a GPU only.
        """

        def four_gates(rows: Tensor) -> Tensor:
            f, o, g = rows.chunk(3)
            return torch.cat([-f, f, g, o])

        weights = (self.input.weight, self.recurrent.weight, self.input.bias)
        W_4HE, U_4HH, b_4H = map(four_gates, weights)
        return run_kernel(torch.lstm, self, x_NTE, state, (W_4HE, U_4HH, b_4H))

    def memory(self, gates: dict[str, Tensor], state: State) -> State:
        """Memory c at every time."""
        return (scan(gates["f"], (1 - gates["f"]) * gates["g"], state[1]),)
