"""What every recurrent cell is.      B batch, N rows, T time, E input, H hidden, G projected."""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from captioner.registry import Registry

State = tuple[Tensor, ...]
"""What a cell remembers: `num_states` tensors (N, H), the first of them its output h."""


class Ran(NamedTuple):
    """A sequence run through a cell."""

    outputs_NTH: Tensor
    state: State


class Cell(nn.Module, ABC):
    """A recurrence h_t = f(x_t, h_{t-1}) in two parts. Subclasses are final.

    `project` is all that depends on the input alone and is one matrix product for a whole sequence;
    it is affine in x, so a second input may be added to what it returns. `step` is the recurrence.
    Nothing is stored between calls.
    """

    num_states: ClassVar[int]
    projected_dim: int

    def __init__(self, input_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.input_dim = input_dim
        self.hidden_dim = hidden_dim

    @abstractmethod
    def project(self, x: Tensor) -> Tensor:
        """(..., E) -> (..., G): the input's part of every gate, bias included."""

    @abstractmethod
    def step(self, projected_NG: Tensor, state: State) -> State:
        """The state after one more input."""

    def zero_state(self, like_NE: Tensor) -> State:
        """Zeros for as many rows, on the same device and of the same type, as `like_NE`."""
        zeros_NH = like_NE.new_zeros(len(like_NE), self.hidden_dim)
        return (zeros_NH,) * self.num_states

    def forward(self, x_NTE: Tensor, state: State) -> Ran:
        """Run a whole sequence. Replaced by torch's fused kernel in cells where that is exact."""
        outputs = []
        for projected_NG in self.project(x_NTE).unbind(dim=1):
            state = self.step(projected_NG, state)
            outputs.append(state[0])
        return Ran(torch.stack(outputs, dim=1), state)


CELLS: Registry[Cell] = Registry("cell", "captioner.cells")
