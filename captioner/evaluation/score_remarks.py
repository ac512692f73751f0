"""Explain scores of captions that say less than they seem to."""

import re
from collections.abc import Collection

from captioner.metrics.scores import CaptionScores

UNSEGMENTED = 0.5  # share of captions from which on it is said
# Thai, Lao, Tibetan, Burmese, Khmer, kana and Han: scripts whose words have no spaces between them.
_UNSPACED = "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]"
_LETTERS = re.compile(f"{_UNSPACED}.*{_UNSPACED}", re.DOTALL)
_SPACED = re.compile(rf"{_UNSPACED}\s+{_UNSPACED}")


def remarks(scores: CaptionScores[str], captions: Collection[str], has_idf: bool) -> list[str]:
    """Explain zeros.

    Args:
        scores: the scores.
        captions: the texts of candidates and references.
        has_idf: whether document frequencies were given.

    Returns:
        A sentence on each thing that makes scores meaningless; mostly none.
    """
    found = []
    if scores.num_images == 1 and not has_idf:
        found.append(
            "CIDEr-D is 0 for any caption here: document frequencies of one image are no frequencies; score "
            "more images, or give those of a corpus by --idf."
        )
    unsegmented = sum(bool(_LETTERS.search(text)) and not _SPACED.search(text) for text in captions)
    if scores.tokenizer != "characters" and unsegmented >= UNSEGMENTED * len(captions):
        found.append(
            f"{unsegmented:,} of {len(captions):,} captions have no spaces between words, so that each is "
            "scored as one word: segment them first, or score their characters by --tokenizer characters."
        )
    return found
