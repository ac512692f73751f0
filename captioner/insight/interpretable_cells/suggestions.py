"""Suggest units that are worth looking at in a short text.      T characters, H units, M labels, K shifts."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from captioner.insight.interpretable_cells.correlations import correlate
from captioner.insight.interpretable_cells.recording import TOP, Recording
from captioner.insight.interpretable_cells.signals import Signal
from captioner.insight.labels.base import Values, choose_labels
from captioner.insight.labels.syntax import SourceText

SHIFTS = 99
SHORTEST = 4 * SHIFTS
"""Characters of a text of whose second half each shift moves a label by another distance."""
CHANGES = 6  # of a label in each half: fewer, and whatever drifts correlates with it
COUNT = 5
LARGEST = 1000  # of a memory without bounds, which half precision may not have
MEASURE = (
    "|correlation| of unit and label in the second half of the text; the unit was chosen on the first half, "
    f"and correlates less with the label moved along the text by each of {SHIFTS} distances"
)


class UnitSuggestion(NamedTuple):
    """A unit, and the label of the text that its memory follows.

    Attributes:
        unit: its number in the layer.
        label: the description of the label.
        correlation: of the two in the second half of the text.
    """

    unit: int
    label: str
    correlation: float


def suggest_units(values_TH: NDArray[np.float32], characters: str) -> list[UnitSuggestion]:
    """Find units whose memory follows a property of the text.

    For each label the unit that correlates most in the first half of the text is tested in the second half:
    there it must correlate more with the label than with the label at other places. This is a hint of where
    to look; evidence needs a long text, as `analyse_cells` has it.

    Args:
        values_TH: the memory of the units of a layer after each character.
        characters: the text.

    Returns:
        Five suggestions at most, the greatest correlation first, each unit once; none for a text shorter
        than 396 characters.
    """
    half = len(characters) // 2
    if 2 * half < SHORTEST:
        return []
    text = SourceText(characters)
    usable = [one for one in choose_labels(None, text.language).values() if not one.future]
    named = [(one.about, values_T) for one in usable if _varies(values_T := one(text), half)]
    if not named:
        return []
    r_MH = correlate(_recording(values_TH), [values_T for _, values_T in named], slice(half))
    found = []
    for (about, values_T), r_H in zip(named, r_MH, strict=True):
        unit = int(np.abs(r_H).argmax())
        r = _second_half(values_TH[half:, [unit]], values_T[half:])
        if r * r_H[unit] > 0:
            found.append(UnitSuggestion(unit, about, r))
    found.sort(key=lambda one: abs(one.correlation))
    strongest = {one.unit: one for one in found}
    return sorted(strongest.values(), key=lambda one: -abs(one.correlation))[:COUNT]


def _second_half(values_T1: NDArray[np.float32], label_T: Values) -> float:
    """The correlation of a unit with a label; 0 where it is as strong with the label at another place."""
    T = len(label_T)
    distances = np.linspace(T // 4, T - T // 4, SHIFTS).astype(int).tolist()
    moved = [np.roll(label_T, distance) for distance in (0, *distances)]
    r, *others = correlate(_recording(values_T1), moved, slice(None))[:, 0].tolist()
    return float(r) if abs(r) > max(map(abs, others)) else 0.0


def _varies(values_T: Values, half: int) -> bool:
    parts = (values_T[:half], values_T[half:])
    return all(np.count_nonzero(np.diff(part[~np.isnan(part)])) >= CHANGES for part in parts)


def _recording(values_TH: NDArray[np.float32]) -> Recording:
    """The values as `correlate` takes them."""
    T, H = values_TH.shape
    nothing = np.zeros((T, TOP))
    return Recording(
        [Signal(1, "h")],
        H,
        values_TH.clip(-LARGEST, LARGEST).astype(np.float16),
        np.full(T, np.nan, np.float32),
        nothing.astype(np.int16),
        nothing.astype(np.float16),
    )
