"""Nesting of environments of LaTeX."""

import re

import numpy as np

from captioner.insight.labels.base import LABELS, Values, graded
from captioner.insight.labels.syntax import SourceText


@LABELS.register("environment")
@graded("how many environments are open", "latex")
def environment(text: SourceText) -> Values:
    r"""Return the depth after each character; \begin{x} and \end{x} count when they are complete."""
    step_T = np.zeros(len(text.characters), np.int32)
    for found in re.finditer(r"\\(begin|end)\{[^}\n]*\}", text.characters):
        step_T[found.end() - 1] = 1 if found[1] == "begin" else -1
    total_T = np.cumsum(step_T)
    return (total_T - np.minimum(0, np.minimum.accumulate(total_T))).astype(np.float32)
