"""How varied generated captions are: a model that says the same of every picture shows here first."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from captioner.metrics.bleu import BleuStatistics, bleu_scores
from captioner.metrics.ngrams import MAX_ORDER, Ints, NGrams, Tokens, as_integers, changes, count_ngrams


class Diversity(NamedTuple):
    """Of a set of captions.

    `distinct_captions` is the share of different captions; `distinct1` to `distinct4` are the different
    n-grams over all of them (Li et al., 2016, sec. 5.2); `mean_length` is in tokens.
    """

    distinct_captions: float
    vocabulary_size: int
    mean_length: float
    distinct1: float
    distinct2: float
    distinct3: float
    distinct4: float


def diversity(captions: Sequence[Tokens]) -> Diversity:
    """Measures of one caption per image, as tokens. All zero for no captions."""
    vocabulary, words, lengths = as_integers(captions)
    ngrams = count_ngrams(words, lengths, len(vocabulary))
    return Diversity(
        len(set(map(tuple, captions))) / max(1, len(captions)),
        len(vocabulary),
        len(words) / max(1, len(captions)),
        *(len(grams.keys) / max(1, int(grams.times.sum())) for grams in ngrams),
    )


def distinct_in_lists(lists: Sequence[Sequence[Tokens]]) -> list[float]:
    """Distinct-1 to distinct-4 of several captions a picture, as tokens (Vijayakumar et al., 2016, sec. 5).

    The different n-grams in all captions of a picture over the words in them, and the mean over pictures;
    zero for a picture without a word. The paper's own table goes above 1, so that it is on another scale.
    """
    vocabulary, words, lengths = as_integers(list(chain.from_iterable(lists)))
    picture = np.repeat(np.arange(len(lists)), [len(captions) for captions in lists])
    said = np.maximum(1, np.bincount(picture, lengths, minlength=len(lists)))
    figures = []
    for grams in count_ngrams(words, lengths, len(vocabulary)):
        said_in = picture[grams.sentence]
        first = changes(grams.gram) | changes(said_in)
        different = np.bincount(said_in[first], minlength=len(lists))
        figures.append(float((different / said).mean()))
    return figures


def novel_share(captions: Sequence[Tokens], training: Iterable[Tokens]) -> float:
    """The share of captions that are not, word for word, one of those trained on. Zero for no captions."""
    known = set(map(tuple, training))
    return sum(tuple(caption) not in known for caption in captions) / max(1, len(captions))


def self_bleu(captions: Sequence[Tokens]) -> float:
    """Mean BLEU-4 of each caption with all the others as its references (Zhu et al., 2018, sec. 3.2).

    1 where all are alike. Give it all captions of a test set, or those sampled for one picture; values of
    sets of different sizes do not compare. Zero for fewer than two captions.
    """
    if len(captions) < 2:
        return 0.0
    vocabulary, words, lengths = as_integers(captions)
    matches = np.empty((len(captions), MAX_ORDER), np.int64)
    for order, grams in enumerate(count_ngrams(words, lengths, len(vocabulary))):
        found = np.minimum(grams.times, _most_elsewhere(grams))
        matches[:, order] = np.bincount(grams.sentence, found, minlength=len(captions))
    guesses = np.maximum(0, lengths[:, None] - np.arange(MAX_ORDER))
    statistics = BleuStatistics(matches, guesses, lengths, _closest_elsewhere(lengths))
    return float(bleu_scores(statistics)[:, -1].mean())


def _most_elsewhere(grams: NGrams) -> Ints:
    """Of each n-gram of each sentence, the most often that any other sentence has it."""
    most, second = np.zeros_like(grams.keys), np.zeros_like(grams.keys)
    np.maximum.at(most, grams.gram, grams.times)
    is_most = grams.times == most[grams.gram]
    np.maximum.at(second, grams.gram[~is_most], grams.times[~is_most])
    alone = is_most & (np.bincount(grams.gram[is_most], minlength=len(most)) == 1)[grams.gram]
    return np.where(alone, second[grams.gram], most[grams.gram])


def _closest_elsewhere(lengths: Ints) -> Ints:
    """Of each sentence, the closest length of another, of two the shorter."""
    values, which, times = np.unique(lengths, return_inverse=True, return_counts=True)
    apart = np.abs(values[:, None] - values)
    apart[np.diag_indices_from(apart)] = np.where(times > 1, 0, apart.max() + 1)
    # `values` increase, so of two equally close `argmin` finds the shorter.
    closest: Ints = values[apart.argmin(axis=1)][which]
    return closest
