"""A recording of every state and gate of a model that read a text.

T characters, P guesses, H hidden, K columns: H for each signal.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from captioner.insight.interpretable_cells.signals import Signal, Unit

MOMENT_ROWS = 20_000
"""Characters, evenly spaced, from which means and deviations are estimated."""
TOP = 5
"""Next characters that are kept for a page, the likeliest first."""

Half = NDArray[np.float16]


class Recording(NamedTuple):
    """States, gates and guesses of a model at each character of a text.

    Args:
        signals: in the order of the columns, H for each.
        hidden_dim: H.
        values_TK: in a file, not in memory; after each character is read.
        nats_T: -log p of each character; NaN for the first.
        guesses_TP: the tokens that were likeliest to come next, the likeliest first.
        chances_TP: their probabilities.
    """

    signals: list[Signal]
    hidden_dim: int
    values_TK: Half
    nats_T: NDArray[np.float32]
    guesses_TP: NDArray[np.int16]
    chances_TP: Half

    def unit(self, column: int) -> tuple[Signal, Unit]:
        """Return the signal and the unit of a column."""
        signal, number = divmod(column, self.hidden_dim)
        return self.signals[signal], Unit(self.signals[signal].layer, number)

    def column(self, signal: Signal, number: int) -> int:
        """Return the column of a signal of a unit."""
        return self.signals.index(signal) * self.hidden_dim + number

    def memory_signal(self, layer: int) -> Signal:
        """Return the signal of a layer that is its memory: `c`, or `h` in a cell without one."""
        return next((one for one in self.signals if one == Signal(layer, "c")), Signal(layer, "h"))

    def memory(self, unit: Unit) -> NDArray[np.float32]:
        """Return a unit's memory, as it is read, after each character."""
        column = self.column(self.memory_signal(unit.layer), unit.number)
        return self.values_TK[:, column].astype(np.float32)

    def memory_moments(self, end: int) -> tuple[list[Tensor], list[Tensor]]:
        """Compute mean and standard deviation of every unit's memory, layer by layer, up to a character."""
        means, spreads = [], []
        for layer in sorted({signal.layer for signal in self.signals}):
            first = self.column(self.memory_signal(layer), 0)
            some = self.values_TK[: end : max(1, end // MOMENT_ROWS), first : first + self.hidden_dim]
            means.append(torch.from_numpy(some.mean(axis=0, dtype=np.float32)))
            spreads.append(torch.from_numpy(some.astype(np.float32).std(axis=0)))
        return means, spreads

    @property
    def state_columns(self) -> NDArray[np.int64]:
        """The columns of states, without gates."""
        kinds = [s.kind for s in self.signals]
        wanted = [i for i, kind in enumerate(kinds) if kind in ("h", "c")]
        return np.concatenate([np.arange(self.hidden_dim) + i * self.hidden_dim for i in wanted])

    def blocks(self, rows: int = 16_384) -> list[slice]:
        """Return stretches of time that fit into memory."""
        return [slice(start, start + rows) for start in range(0, len(self.nats_T), rows)]
