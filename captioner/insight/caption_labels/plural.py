"""A caption of several."""

import math
from collections.abc import Sequence

from captioner.insight.caption_labels.base import CAPTION_LABELS, Values, caption_label
from captioner.insight.caption_labels.noun_phrase import ENDS

IRREGULAR = frozenset({"people", "men", "women", "children", "sheep", "geese", "mice", "feet"})
SINGULAR = frozenset({"bus", "grass", "dress", "glass", "canvas", "tennis"})
"""Words in -s that are of one."""


@CAPTION_LABELS.register("plural")
@caption_label("after a subject in the plural")
def plural(words: Sequence[str]) -> Values:
    """Return 1 after a subject in the plural, 0 after another; not defined before the subject has ended.

    The subject ends before the first preposition, auxiliary, conjunction or word in -ing; its last word tells
    its number.
    """
    for number, word in enumerate(words):
        if number and (word in ENDS or word.endswith("ing")):
            head = words[number - 1]
            several = head in IRREGULAR or (head.endswith("s") and head not in SINGULAR)
            return [math.nan] * number + [float(several)] * (len(words) - number)
    return [math.nan] * len(words)
