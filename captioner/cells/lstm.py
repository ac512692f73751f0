"""Long short-term memory.      N rows, T time, E input, H hidden."""

from typing import ClassVar

import torch
from torch import Tensor

from captioner.cells.base import CELLS, Ran, State
from captioner.cells.initial import Init
from captioner.cells.recurrence import Add, Blocks, Moment, Recurrence, scan


@CELLS.register("lstm")
class LSTMCell(Recurrence):
    r"""LSTM with forget gate (Hochreiter and Schmidhuber, 1997; Gers et al., 2000); gates i, f, g, o.

        i, f, o = sigmoid(W x + U h + b)          input, forget and output gates
        g       = tanh(W x + U h + b)             candidate
        c'      = f * c + i * g
        h'      = o * tanh(c')

    Differs from `torch.nn.LSTM` in one thing: a single bias, whose forget part starts at `forget_bias`
    (Jozefowicz et al., 2015, find 1 to be best).
    """

    num_states = 2
    gates = ("i", "f", "g", "o")
    products: ClassVar = {"recurrent": gates}
    keeps = ("f", 1.0)
    fused_on = frozenset({"cpu", "cuda"})

    def __init__(
        self,
        input_dim: int,
        hidden_dim: int = 512,
        forget_bias: float = 1.0,
        init: Init = "uniform",
        init_scale: float | None = None,
    ) -> None:
        super().__init__(input_dim, hidden_dim, forget_bias, init, init_scale)

    def recur(self, blocks: Blocks, state: State, add: Add) -> Moment:
        """One step by the equations above."""
        h_NH, c_NH = state
        i_NH, f_NH, g_NH, o_NH = add(blocks[0], h_NH, "recurrent").chunk(4, dim=-1)
        i_NH, f_NH, g_NH, o_NH = i_NH.sigmoid(), f_NH.sigmoid(), g_NH.tanh(), o_NH.sigmoid()
        c_NH = f_NH * c_NH + i_NH * g_NH
        return Moment((o_NH * c_NH.tanh(), c_NH), (i_NH, f_NH, g_NH, o_NH))

    def fused(self, x_NTE: Tensor, state: State) -> Ran:
        """The same in torch's kernel, whose second bias is held at zero."""
        return fused_lstm(self, x_NTE, state, self.input.weight, self.recurrent.weight, self.input.bias)

    def memory(self, gates: dict[str, Tensor], state: State) -> State:
        """Memory c at every time."""
        return (scan(gates["f"], gates["i"] * gates["g"], state[1]),)


def fused_lstm(
    cell: Recurrence, x_NTE: Tensor, state: State, W_4HE: Tensor, U_4HH: Tensor, b_4H: Tensor
) -> Ran:
    """LSTM of torch with these weights, rows i, f, g, o."""
    outputs_NTH, h_1NH, c_1NH = torch.lstm(
        x_NTE,
        [leaf.unsqueeze(0).contiguous() for leaf in state],
        [W_4HE, U_4HH, b_4H, torch.zeros_like(b_4H)],
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=cell.training,
        bidirectional=False,
        batch_first=True,
    )
    return Ran(outputs_NTH, (h_1NH.squeeze(0), c_1NH.squeeze(0)))
