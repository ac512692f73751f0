"""The base of cells with a memory c beside their output h.      H hidden."""

import torch
from torch import Tensor

from captioner.cells.base import State
from captioner.cells.init import Init
from captioner.cells.recurrence.base import Recurrence
from captioner.ranges import Dimension, Finite, Positive


class LSTMBase(Recurrence):
    """A cell whose state is its output h and a memory c with a forget gate f.

    Args:
        input_dim: E.
        hidden_dim: H.
        forget_bias: where the bias of f starts (Jozefowicz et al., 2015, find 1 to be best).
        init: initialisation of the matrices, see `init.initialise`.
        init_scale: its scale; None: the default of `init`.
    """

    num_states = 2
    forget_gate = ("f", 1.0)

    def __init__(
        self,
        input_dim: int,
        hidden_dim: Dimension = 512,
        forget_bias: Finite = 1.0,
        init: Init = "uniform",
        init_scale: Positive | None = None,
    ) -> None:
        super().__init__(input_dim, hidden_dim, forget_bias, init, init_scale)

    def read_memory(self, state: State) -> Tensor:
        """Return tanh(c)."""
        return state[1].tanh()

    def memory_of(self, readout_NH: Tensor, state: State) -> Tensor:
        """Return the c whose tanh this is; of -1 and 1 the least and greatest that are finite."""
        largest = 1 - torch.finfo(readout_NH.dtype).eps
        return readout_NH.clamp(-largest, largest).atanh()
