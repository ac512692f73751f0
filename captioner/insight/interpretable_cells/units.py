"""The units of a cell's layers: what can be read of them, and holding one at a value.

N rows, T time, H hidden.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from torch import Tensor

from captioner.cells.base import Cell, State, Trace
from captioner.cells.recurrence.base import Recurrence
from captioner.cells.recurrence.memory_readout import MemoryReadout
from captioner.errors import UserError
from captioner.insight.interpretable_cells.signals import Signal, Unit


def layers_of(cell: Cell) -> list[Recurrence]:
    """Return the layers of a cell, the first one first."""
    return [module for module in cell.modules() if isinstance(module, Recurrence)]


def layer_states(cell: Cell, states: State) -> list[State]:
    """Split the state of a cell, or its states at all times, into those of its layers, the first first."""
    layers = layers_of(cell)
    size = layers[0].num_states
    leaves = states[cell.num_states - len(layers) * size : cell.num_states]
    return [leaves[start : start + size] for start in range(len(leaves) - size, -1, -size)]


def signals_of(cell: Cell, traced: Trace) -> dict[Signal, Tensor]:
    """Return h, memory and gates of every layer, each (N, T, H)."""
    found: dict[Signal, Tensor] = {}
    layers = layers_of(cell)
    for number, (layer, states) in enumerate(zip(layers, layer_states(cell, traced.states), strict=True), 1):
        found[Signal(number, "h")] = states[0]
        if layer.memory_index:
            found[Signal(number, layer.state_names[layer.memory_index])] = layer.read_memory(states)
        for gate in layer.gates:
            if gate not in layer.state_names:
                name = gate if layer is cell else f"{number}.{gate}"
                found[Signal(number, gate)] = traced.gates[name]
    return found


@contextmanager
def intervention(layer: MemoryReadout, update: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Change the memory of a layer after every step, whoever runs it, inside a `with` block.

    Args:
        layer: the layer.
        update: computes the new readout_NH from the one of the step.

    Yields:
        Nothing.
    """
    before = layer.readout_update
    layer.readout_update = update
    try:
        yield
    finally:
        layer.readout_update = before


def check_units(cell: Cell, units: Iterable[Unit]) -> None:
    """Make sure that a cell has these units.

    Args:
        cell: the cell.
        units: their names.

    Raises:
        UserError: there is no such unit.
    """
    num_layers = len(layers_of(cell))
    for unit in units:
        if not (1 <= unit.layer <= num_layers and 0 <= unit.number < cell.hidden_dim):
            raise UserError(
                f"There is no unit {unit}: the layers are 1 to {num_layers}, the units of each 0 to "
                f"{cell.hidden_dim - 1}."
            )


@contextmanager
def held_units(cell: Cell, values: Mapping[Unit, float]) -> Iterator[None]:
    """Hold the memories of units at values after every step, inside a `with` block.

    Args:
        cell: the cell.
        values: for each unit the memory as it is read: tanh(c) in an LSTM, h in a cell without a memory.

    Yields:
        Nothing.

    Raises:
        UserError: there is no such unit.
    """
    check_units(cell, values)
    layers = layers_of(cell)
    held: dict[int, dict[int, float]] = {}
    for unit, value in values.items():
        held.setdefault(unit.layer, {})[unit.number] = value
    with ExitStack() as stack:
        for number, units in held.items():
            stack.enter_context(intervention(layers[number - 1], _holding(units)))
        yield


def _holding(units: Mapping[int, float]) -> Callable[[Tensor], Tensor]:
    indices, values = list(units), list(units.values())

    def update(readout_NH: Tensor) -> Tensor:
        new_NH = readout_NH.clone()
        new_NH[:, indices] = new_NH.new_tensor(values)
        return new_NH

    return update
