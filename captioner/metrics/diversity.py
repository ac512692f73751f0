"""Measures of how varied generated captions are: a collapsed model shows here first."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from captioner.metrics.bleu import BleuStatistics, bleu_scores
from captioner.metrics.ngrams import MAX_ORDER, Ints, NGrams, Tokens, as_integers, changes, count_ngrams


class Diversity(NamedTuple):
    """Measures of a set of captions; `distinct1` to `distinct4` are of Li et al. (2016), section 5.2.

    Attributes:
        distinct_captions: the share of different captions.
        vocabulary_size: the different words.
        mean_length: tokens of a caption.
        distinct1: the share of different words among all words.
        distinct2: that of 2-grams.
        distinct3: that of 3-grams.
        distinct4: that of 4-grams.
    """

    distinct_captions: float
    vocabulary_size: int
    mean_length: float
    distinct1: float
    distinct2: float
    distinct3: float
    distinct4: float


def diversity(captions: Sequence[Tokens]) -> Diversity:
    """Measure the diversity of one caption per image, as tokens. All zero for no captions."""
    vocabulary, words, lengths = as_integers(captions)
    ngrams = count_ngrams(words, lengths, len(vocabulary))
    return Diversity(
        share_of_distinct(captions),
        len(vocabulary),
        len(words) / max(1, len(captions)),
        *(len(grams.keys) / max(1, int(grams.counts.sum())) for grams in ngrams),
    )


def share_of_distinct(captions: Sequence[Tokens]) -> float:
    """Return the number of different captions over the number of captions. Zero for no captions."""
    return len(set(map(tuple, captions))) / max(1, len(captions))


def distinct_in_lists(lists: Sequence[Sequence[Tokens]]) -> list[float]:
    """Compute distinct-1 to distinct-4 of several captions an image.

    The different n-grams in all captions of an image over the words in them, and the mean over images;
    zero for an image without a word.

    Args:
        lists: the tokens of each image's captions.

    Returns:
        The figure of each order.

    Source: Vijayakumar et al. (2016), section 5. The paper's table goes above 1: it is on another scale.
    """
    vocabulary, words, lengths = as_integers(list(chain.from_iterable(lists)))
    image = np.repeat(np.arange(len(lists)), [len(captions) for captions in lists])
    num_words = np.maximum(1, np.bincount(image, lengths, minlength=len(lists)))
    figures = []
    for grams in count_ngrams(words, lengths, len(vocabulary)):
        of_image = image[grams.sentence]
        first = changes(grams.gram) | changes(of_image)
        different = np.bincount(of_image[first], minlength=len(lists))
        figures.append(float((different / num_words).mean()))
    return figures


def novel_share(captions: Sequence[Tokens], training: Iterable[Tokens]) -> float:
    """Return the share of captions that no training caption equals word for word. Zero for no captions."""
    known = set(map(tuple, training))
    return sum(tuple(caption) not in known for caption in captions) / max(1, len(captions))


def self_bleu(captions: Sequence[Tokens]) -> float:
    """Compute the mean BLEU-4 of each caption with all the others as its references.

    1 where all are alike. Give it all captions of a test set, or those sampled for one image; values of
    sets of different sizes do not compare. Zero for fewer than two captions.

    Args:
        captions: as tokens.

    Returns:
        The mean.

    Source: Zhu et al. (2018), section 3.2.
    """
    if len(captions) < 2:
        return 0.0
    vocabulary, words, lengths = as_integers(captions)
    matches = np.empty((len(captions), MAX_ORDER), np.int64)
    for order, grams in enumerate(count_ngrams(words, lengths, len(vocabulary))):
        found = np.minimum(grams.counts, _most_elsewhere(grams))
        matches[:, order] = np.bincount(grams.sentence, found, minlength=len(captions))
    guesses = np.maximum(0, lengths[:, None] - np.arange(MAX_ORDER))
    statistics = BleuStatistics(matches, guesses, lengths, _closest_elsewhere(lengths))
    return float(bleu_scores(statistics)[:, -1].mean())


def _most_elsewhere(grams: NGrams) -> Ints:
    """Return, for each n-gram of each sentence, the highest count of it in any other sentence."""
    most, second = np.zeros_like(grams.keys), np.zeros_like(grams.keys)
    np.maximum.at(most, grams.gram, grams.counts)
    is_most = grams.counts == most[grams.gram]
    np.maximum.at(second, grams.gram[~is_most], grams.counts[~is_most])
    alone = is_most & (np.bincount(grams.gram[is_most], minlength=len(most)) == 1)[grams.gram]
    return np.where(alone, second[grams.gram], most[grams.gram])


def _closest_elsewhere(lengths: Ints) -> Ints:
    """Return, for each sentence, the closest length of another, of two the shorter."""
    values, which, counts = np.unique(lengths, return_inverse=True, return_counts=True)
    apart = np.abs(values[:, None] - values)
    apart[np.diag_indices_from(apart)] = np.where(counts > 1, 0, apart.max() + 1)
    # `values` increase, so of two equally close `argmin` finds the shorter.
    closest: Ints = values[apart.argmin(axis=1)][which]
    return closest
