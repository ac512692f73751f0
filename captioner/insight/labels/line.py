"""Position in the line."""

import numpy as np

from captioner.insight.labels.base import LABELS, Values, graded
from captioner.insight.labels.syntax import SourceText

LONGEST = 120
"""Longer lines count as so long."""


@LABELS.register("line")
@graded("characters since the start of the line")
def line(text: SourceText) -> Values:
    """Return the number of characters read of the line; 0 after a line feed."""
    return since(text.codes_T == ord("\n")).clip(max=LONGEST)


def since(event_T: np.ndarray) -> Values:
    """Return the number of characters since the last event, counted from the start before the first one."""
    places_T = np.arange(len(event_T))
    last_T = np.maximum.accumulate(np.where(event_T, places_T, -1))
    return (places_T - last_T).astype(np.float32)
