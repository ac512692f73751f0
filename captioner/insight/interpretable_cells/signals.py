"""Names of units and of what can be read of them."""

from typing import NamedTuple


class Unit(NamedTuple):
    """One cell of a recurrent layer. Layers count from 1, units from 0."""

    layer: int
    number: int

    def __str__(self) -> str:
        return f"{self.layer}.{self.number}"


class Signal(NamedTuple):
    """A quantity that every unit of a layer has: `h`, the memory as it is read, `c`, or a gate."""

    layer: int
    kind: str

    def __str__(self) -> str:
        return f"{self.layer}.{self.kind}"
