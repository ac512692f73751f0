"""How varied generated captions are: a model that says the same of every picture shows here first."""

from collections.abc import Sequence
from typing import NamedTuple

from captioner.metrics.bleu import Tokens, ngrams


class Diversity(NamedTuple):
    """Of a set of captions.

    `distinct_captions` is the share of different captions; `distinct1` and `distinct2` are the different
    unigrams and bigrams over all of them (Li et al., 2016, sec. 5.2); `mean_length` is in tokens.
    """

    distinct_captions: float
    vocabulary_size: int
    mean_length: float
    distinct1: float
    distinct2: float


def diversity(captions: Sequence[Tokens]) -> Diversity:
    """Measures of one caption per image, as tokens. All zero for no captions."""
    unigrams = [gram for caption in captions for gram in ngrams(caption, 1)]
    bigrams = [gram for caption in captions for gram in ngrams(caption, 2)]
    return Diversity(
        distinct_captions=_distinct([tuple(caption) for caption in captions]),
        vocabulary_size=len(set(unigrams)),
        mean_length=len(unigrams) / max(1, len(captions)),
        distinct1=_distinct(unigrams),
        distinct2=_distinct(bigrams),
    )


def _distinct(things: Sequence[Tokens]) -> float:
    return len(set(things)) / max(1, len(things))
