"""At the start of a line."""

import numpy as np

from captioner.insight.labels.base import LABELS, Values, binary
from captioner.insight.labels.syntax import SourceText


@LABELS.register("newline")
@binary("just after a line feed")
def newline(text: SourceText) -> Values:
    """Return 1 at a line feed; one character tells it, so it is a check of the controls."""
    is_feed_T: Values = (text.codes_T == ord("\n")).astype(np.float32)
    return is_feed_T
