"""Near the end of the caption."""

from collections.abc import Sequence

from captioner.insight.caption_labels.base import CAPTION_LABELS, Values, caption_label

NEAR = 3


@CAPTION_LABELS.register("ending")
@caption_label("at one of the last three words", future=True)
def ending(words: Sequence[str]) -> Values:
    """Return 1 at the last three words."""
    return [float(len(words) - number <= NEAR) for number in range(len(words))]
