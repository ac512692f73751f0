"""Inside double quotes."""

import re

import numpy as np

from captioner.insight.labels.base import LABELS, Values, binary, spans_on
from captioner.insight.labels.syntax import SourceText

_QUOTATION = re.compile(
    r'"(?:[^"\n]|\n(?!\s*\n))*(?P<end>"?)|\u201c(?:[^\u201c\u201d\n]|\n(?!\s*\n))*(?P<close>\u201d?)'
)


@LABELS.register("quote")
@binary("inside double quotes", "prose", "latex")
def quote(text: SourceText) -> Values:
    """Return 1 from the opening quote to the last character before the closing one.

    A quotation that does not end in its paragraph is not defined: which of its quotes was missing is unknown.
    """
    found = list(_QUOTATION.finditer(text.characters))
    values = spans_on(len(text.characters), ((one.start(), one.end() - 1) for one in found))
    for one in found:
        if not (one["end"] or one["close"]):
            values[one.start() : one.end()] = np.nan
    return values
