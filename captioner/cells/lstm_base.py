"""The base of cells with a memory c beside their output h.      N rows, T time, H hidden."""

import torch
from torch import Tensor

from captioner.cells.init import Init
from captioner.cells.recurrence import Recurrence


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
        hidden_dim: int = 512,
        forget_bias: float = 1.0,
        init: Init = "uniform",
        init_scale: float | None = None,
    ) -> None:
        super().__init__(input_dim, hidden_dim, forget_bias, init, init_scale)


def scan(forget_NTH: Tensor, written_NTH: Tensor, c_NH: Tensor) -> Tensor:
    """Compute c_t = forget_t * c_{t-1} + written_t at every time.

    Args:
        forget_NTH: forget gates.
        written_NTH: candidates, each times its input gate.
        c_NH: the memory before the first time.

    Returns:
        c_NTH.
    """
    memories = []
    for forget_NH, written_NH in zip(forget_NTH.unbind(dim=1), written_NTH.unbind(dim=1), strict=True):
        c_NH = torch.addcmul(written_NH, forget_NH, c_NH)
        memories.append(c_NH)
    return torch.stack(memories, dim=1)
