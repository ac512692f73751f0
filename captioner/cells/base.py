"""What every recurrent cell is.      N rows, T time, E input, H hidden, G projected."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import torch
from torch import Tensor, nn

from captioner.errors import UserError
from captioner.registry import Inner, Registry

State = tuple[Tensor, ...]
"""What a cell remembers: `num_states` tensors (N, H), the first of them its output h."""


class CellOutput(NamedTuple):
    """A sequence run through a cell."""

    outputs_NTH: Tensor
    state: State


class Trace(NamedTuple):
    """All that happened inside a cell while it read a sequence."""

    gates: dict[str, Tensor]  # each (N, T, H), after its sigmoid or tanh
    states: State  # as the cell's state, each (N, T, H): after every input


class Cell(nn.Module, ABC):
    """A recurrence h_t = f(x_t, h_{t-1}) in two parts. Subclasses that are registered are final.

    `project` is all that depends on the input alone and is one matrix product for a whole sequence;
    it is affine in x, so a second input may be added to what it returns. `step` is the recurrence.
    Nothing is stored between calls. An equation alone makes a cell: see `recurrence.Recurrence`.
    """

    num_states: int
    projected_dim: int

    def __init__(self, input_dim: int, hidden_dim: int) -> None:
        super().__init__()
        if hidden_dim < 1:
            raise UserError(f"cell: hidden_dim must be at least 1, not {hidden_dim}.")
        self.input_dim = input_dim
        self.hidden_dim = hidden_dim

    @abstractmethod
    def project(self, x: Tensor) -> Tensor:
        """(..., E) -> (..., G): the input's part of every gate, bias included."""

    @abstractmethod
    def step(self, projected_NG: Tensor, state: State) -> State:
        """The state after one more input."""

    @abstractmethod
    def forward(self, x_NTE: Tensor, state: State) -> CellOutput:
        """Run a whole sequence, T at least 1, by the quickest exact way."""

    @abstractmethod
    def trace(self, x_NTE: Tensor, state: State) -> Trace:
        """Run a whole sequence and show every gate and state, at about the speed of `forward`."""

    def zero_state(self, like_NE: Tensor) -> State:
        """Zeros for as many rows, on the same device and of the same type, as `like_NE`."""
        zeros_NH = like_NE.new_zeros(len(like_NE), self.hidden_dim)
        return (zeros_NH,) * self.num_states


def stack_states(states: list[State]) -> State:
    """The states after every input, each leaf (N, T, H)."""
    return tuple(torch.stack(leaf, dim=1) for leaf in zip(*states, strict=True))


CELLS: Registry[Cell] = Registry("cell", "captioner.cells")

CellConfig = Annotated[Mapping[str, Any] | None, Inner(CELLS, ("input_dim",))]
"""An option of whatever is built around a cell: its config."""
