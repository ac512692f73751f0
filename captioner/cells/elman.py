"""The simple recurrent network.      N rows, T time, E input, H hidden."""

from typing import ClassVar, Literal

import torch
from torch import Tensor

from captioner.cells.base import CELLS, CellOutput, State
from captioner.cells.init import Init
from captioner.cells.recurrence.base import CellStep, PreActivations, Recurrence, RecurrentMatmul
from captioner.cells.recurrence.fused import run_fused
from captioner.ranges import Dimension, Positive


@CELLS.register("elman")
class ElmanCell(Recurrence):
    r"""The simple recurrent network (Elman, 1990), "vanilla RNN".

        h' = tanh(W x + U h + b)                  or relu

    Differs from `torch.nn.RNN` in one thing: a single bias, which starts at zero.

    Args:
        input_dim: E.
        hidden_dim: H.
        nonlinearity: tanh or relu.
        init: initialisation of the matrices, see `init.initialise`.
        init_scale: its scale; None: the default of `init`.
    """

    num_states = 1
    gates = ("h",)
    recurrent_matrices: ClassVar = {"recurrent": gates}
    fused_on = frozenset({"cuda"})

    def __init__(
        self,
        input_dim: int,
        hidden_dim: Dimension = 512,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        init: Init = "uniform",
        init_scale: Positive | None = None,
    ) -> None:
        super().__init__(input_dim, hidden_dim, 0.0, init, init_scale)
        self.nonlinearity = nonlinearity

    def cell_step(
        self, preactivations: PreActivations, state: State, recurrent_matmul: RecurrentMatmul
    ) -> CellStep:
        """Compute one step by the equation above.

        Args:
            preactivations: W x + b, (N, H).
            state: h, (N, H).
            recurrent_matmul: adds U h.

        Returns:
            The new h, which is the only gate too.
        """
        sum_NH = recurrent_matmul(preactivations[0], state[0], "recurrent")
        h_NH = sum_NH.tanh() if self.nonlinearity == "tanh" else sum_NH.relu()
        return CellStep((h_NH,), (h_NH,))

    def fused(self, x_NTE: Tensor, state: State) -> CellOutput:
        """Run a whole sequence in torch's kernel, whose second bias is held at zero."""
        kernel = torch.rnn_tanh if self.nonlinearity == "tanh" else torch.rnn_relu
        return run_fused(kernel, self, x_NTE, state)
