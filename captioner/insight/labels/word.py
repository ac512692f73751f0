"""Position in the word."""

import re

import numpy as np

from captioner.insight.labels.base import LABELS, Values, graded
from captioner.insight.labels.line import since
from captioner.insight.labels.syntax import SourceText

LONGEST = 20
"""Longer words count as so long."""


@LABELS.register("word")
@graded("letters read of the word")
def word(text: SourceText) -> Values:
    """Return the number of letters, digits and _ read of the word; 0 between words."""
    outside_T = np.ones(len(text.characters), bool)
    for found in re.finditer(r"\w+", text.characters):
        outside_T[found.start() : found.end()] = False
    return since(outside_T).clip(max=LONGEST)
