"""Long short-term memory.      N rows, T time, E input, H hidden."""

import math

import torch
from torch import Tensor, nn

from captioner.cells.base import CELLS, Cell, Ran, State


@CELLS.register("lstm")
class LSTMCell(Cell):
    r"""LSTM with forget gate (Hochreiter and Schmidhuber, 1997; Gers et al., 2000); gates i, f, g, o.

        i, f, o = sigmoid(W x + U h + b)          input, forget and output gates
        g       = tanh(W x + U h + b)             candidate
        c'      = f * c + i * g
        h'      = o * tanh(c')

    Differs from `torch.nn.LSTM` in one thing: a single bias, whose forget part starts at `forget_bias`
    (Jozefowicz et al., 2015, find 1 to be best). Weights start in U(-1/sqrt(H), 1/sqrt(H)).
    """

    num_states = 2

    def __init__(self, input_dim: int, hidden_dim: int = 512, forget_bias: float = 1.0) -> None:
        super().__init__(input_dim, hidden_dim)
        self.projected_dim = 4 * hidden_dim
        self.input = nn.Linear(input_dim, 4 * hidden_dim)
        self.recurrent = nn.Linear(hidden_dim, 4 * hidden_dim, bias=False)
        for weight in (self.input.weight, self.recurrent.weight):
            nn.init.uniform_(weight, -1 / math.sqrt(hidden_dim), 1 / math.sqrt(hidden_dim))
        nn.init.zeros_(self.input.bias)
        nn.init.constant_(self.input.bias[hidden_dim : 2 * hidden_dim], forget_bias)

    def project(self, x: Tensor) -> Tensor:
        """(..., E) -> (..., 4H): W x + b."""
        projected: Tensor = self.input(x)
        return projected

    def step(self, projected_NG: Tensor, state: State) -> State:
        """h', c' by the equations above."""
        h_NH, c_NH = state
        i_NH, f_NH, g_NH, o_NH = torch.addmm(projected_NG, h_NH, self.recurrent.weight.T).chunk(4, dim=-1)
        c_NH = f_NH.sigmoid() * c_NH + i_NH.sigmoid() * g_NH.tanh()
        return o_NH.sigmoid() * c_NH.tanh(), c_NH

    def forward(self, x_NTE: Tensor, state: State) -> Ran:
        """The same in torch's fused kernel, cuDNN's on a GPU. Its second bias is held at zero."""
        weights = [
            self.input.weight,
            self.recurrent.weight,
            self.input.bias,
            torch.zeros_like(self.input.bias),
        ]
        outputs_NTH, h_1NH, c_1NH = torch.lstm(
            x_NTE,
            [s.unsqueeze(0).contiguous() for s in state],
            weights,
            True,
            1,
            0.0,
            self.training,
            False,
            True,
        )
        return Ran(outputs_NTH, (h_1NH.squeeze(0), c_1NH.squeeze(0)))
