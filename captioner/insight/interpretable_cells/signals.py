"""Names of units and of what can be read of them."""

import re
from typing import NamedTuple

from captioner.errors import UserError


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


def read_held_unit(typed: str, option: str) -> tuple[Unit, float]:
    """Read a unit and the value that its memory is held at.

    Args:
        typed: LAYER.UNIT=VALUE.
        option: the name of what was typed, for the message.

    Returns:
        The unit and the value.

    Raises:
        UserError: it is not of this form.
    """
    found = re.fullmatch(
        r"([0-9]{1,9})\.([0-9]{1,9})=([-+]?(?:[0-9]{1,9}\.?[0-9]{0,30}|\.[0-9]{1,30}))", typed
    )
    if not found:
        raise UserError(f"{option} takes LAYER.UNIT=VALUE, such as 1.37=0.9, not {typed!r:.60}.")
    return Unit(int(found[1]), int(found[2])), float(found[3])
