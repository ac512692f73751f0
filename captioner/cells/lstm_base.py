"""What cells with a memory share.      N rows, T time, E input, H hidden."""

import torch
from torch import Tensor

from captioner.cells.init import Init
from captioner.cells.recurrence import Recurrence


class LSTMBase(Recurrence):
    """A cell whose state is its output h and a memory c, kept by a gate f.

    The bias of f starts at `forget_bias` (Jozefowicz et al., 2015, find 1 to be best).
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


def scan(kept_NTH: Tensor, written_NTH: Tensor, c_NH: Tensor) -> Tensor:
    """c_t = kept_t * c_{t-1} + written_t at every time."""
    memories = []
    for kept_NH, written_NH in zip(kept_NTH.unbind(dim=1), written_NTH.unbind(dim=1), strict=True):
        c_NH = torch.addcmul(written_NH, kept_NH, c_NH)
        memories.append(c_NH)
    return torch.stack(memories, dim=1)
