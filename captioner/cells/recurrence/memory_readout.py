"""The memory of a cell as the cell reads it, and interventions on it.      N rows, H hidden."""

from abc import ABC
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from captioner.cells.base import Cell, State

ReadoutUpdate = Callable[[Tensor], Tensor]
"""readout_update(readout_NH): the memory, as the cell reads it, that takes the place of the new one."""


class MemoryReadout(Cell, ABC):
    """A cell whose memory can be read in one scale, and replaced after every step.

    Attributes:
        gates: names of the gates; a cell with a memory beside h has h = o * `read_memory`, with a gate o.
        readout_update: an intervention: changes the memory after every step, whoever runs the cell; None: no
            change.
    """

    gates: ClassVar[tuple[str, ...]]
    readout_update: ReadoutUpdate | None = None

    def read_memory(self, state: State) -> Tensor:
        """Return the memory as it is read: tanh(c) in an LSTM, h in a cell without a memory beside it."""
        return state[self.memory_index]

    def memory_of(self, readout_NH: Tensor, state: State) -> Tensor:
        """Return the memory that `read_memory` reads as this, in an otherwise unchanged state."""
        return readout_NH

    def with_readout(self, state: State, gates: tuple[Tensor, ...], readout_NH: Tensor) -> State:
        """Return a state with another memory, and with the output that follows from it.

        Args:
            state: after a step.
            gates: of this step; they stay.
            readout_NH: the memory as it is read.

        Returns:
            The state; units whose memory is not changed keep theirs to the last bit.
        """
        changed_NH = readout_NH != self.read_memory(state)
        leaves, at = list(state), self.memory_index
        leaves[at] = torch.where(changed_NH, self.memory_of(readout_NH, state), state[at])
        if at:
            leaves[0] = torch.where(changed_NH, gates[self.gates.index("o")] * readout_NH, state[0])
        return tuple(leaves)

    def intervened(self, state: State, gates: tuple[Tensor, ...]) -> State:
        """Return the state after the intervention, if there is one."""
        if self.readout_update is None:
            return state
        return self.with_readout(state, gates, self.readout_update(self.read_memory(state)))
