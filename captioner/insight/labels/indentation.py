"""Indentation of the line."""

import re

import numpy as np

from captioner.insight.labels.base import LABELS, Values, graded
from captioner.insight.labels.syntax import SourceText

TAB = 8  # columns
DEEPEST = 64  # columns


@LABELS.register("indentation")
@graded("columns by which the line is indented", "c", "python", "latex")
def indentation(text: SourceText) -> Values:
    """Return the columns from a line's first visible character to its end; not defined before it."""
    values = np.full(len(text.characters), np.nan, np.float32)
    for found in re.finditer(r"^([ \t]*)([^\s].*)$", text.characters, re.MULTILINE):
        values[found.start(2) : found.end()] = min(DEEPEST, len(found[1].expandtabs(TAB)))
    return values
