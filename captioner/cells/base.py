"""The interface of every recurrent cell.      N rows, T time, E input, H hidden, G projected."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import torch
from torch import Tensor, nn

from captioner.ranges import Dimension
from captioner.registry import Inner, Registry

State = tuple[Tensor, ...]
"""The state of a cell: `num_states` tensors (N, H), of which the first is its output h."""


class CellOutput(NamedTuple):
    """Outputs of a whole sequence, and the state after its last input."""

    outputs_NTH: Tensor
    state: State


class Trace(NamedTuple):
    """All gates and all states of a sequence."""

    gates: dict[str, Tensor]  # each (N, T, H), after its sigmoid or tanh
    states: State  # as the cell's state, each (N, T, H): after every input


class Cell(nn.Module, ABC):
    """A recurrence h_t = f(x_t, h_{t-1}) in two parts. Subclasses that are registered are final.

    `project` computes what depends on the input alone, in one matrix product for a whole sequence. It is
    affine in x, so a second input may be added to its result. `step` is the recurrence. Nothing is stored
    between calls. To add a cell, write its equation only: see `recurrence.Recurrence`.

    Args:
        input_dim: E.
        hidden_dim: H.

    Attributes:
        num_states: number of tensors in the state: 1, or 2 for an LSTM (h, c).
        projected_dim: G, the size of what `project` returns.
    """

    num_states: int
    projected_dim: int

    def __init__(self, input_dim: int, hidden_dim: Dimension) -> None:
        super().__init__()
        self.input_dim = input_dim
        self.hidden_dim = hidden_dim

    @abstractmethod
    def project(self, x: Tensor) -> Tensor:
        """Compute the input's part of every gate, bias included: (..., E) -> (..., G)."""

    @abstractmethod
    def step(self, projected_NG: Tensor, state: State) -> State:
        """Return the state after one more input."""

    @abstractmethod
    def forward(self, x_NTE: Tensor, state: State) -> CellOutput:
        """Run a whole sequence, T at least 1, by the fastest exact method."""

    @abstractmethod
    def trace(self, x_NTE: Tensor, state: State) -> Trace:
        """Run a whole sequence and return every gate and state, at about the speed of `forward`."""

    @property
    def memory_index(self) -> int:
        """The place in the state of the memory: of c, or of h in a cell without one."""
        return min(1, self.num_states - 1)

    def zero_state(self, like_NE: Tensor) -> State:
        """Return zeros for as many rows, on the same device and of the same type, as `like_NE`."""
        zeros_NH = like_NE.new_zeros(len(like_NE), self.hidden_dim)
        return (zeros_NH,) * self.num_states


def stack_states(states: list[State]) -> State:
    """Stack the states after every input: each tensor (N, T, H)."""
    return tuple(torch.stack(leaf, dim=1) for leaf in zip(*states, strict=True))


CELLS: Registry[Cell] = Registry("cell", "captioner.cells")

CellConfig = Annotated[Mapping[str, Any] | None, Inner(CELLS, ("input_dim",))]
"""The option `cell` of a decoder or encoder: the config of its cell."""
