"""Characters to the end of the line."""

import numpy as np

from captioner.insight.labels.base import LABELS, Values, graded
from captioner.insight.labels.line import LONGEST, since
from captioner.insight.labels.syntax import SourceText


@LABELS.register("line_end")
@graded("characters to the end of the line", future=True)
def line_end(text: SourceText) -> Values:
    """Return how many characters follow before the next line feed, or before the end of the text."""
    is_feed_T = np.append(text.codes_T[1:] == ord("\n"), True)[: len(text.codes_T)]
    return since(is_feed_T[::-1])[::-1].clip(max=LONGEST)
