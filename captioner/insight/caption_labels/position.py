"""Position in the caption."""

from collections.abc import Sequence

from captioner.insight.caption_labels.base import CAPTION_LABELS, Values, caption_label


@CAPTION_LABELS.register("position")
@caption_label("words read of the caption", graded=True)
def position(words: Sequence[str]) -> Values:
    """Return 1, 2, 3 and so on."""
    return [float(number) for number in range(1, len(words) + 1)]
