"""BLEU as the coco-caption evaluation computes it (Papineni et al., 2002)."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from captioner.metrics.ngrams import MAX_ORDER, Corpus, Ints, Tokens, encode

_TINY, _SMALL = 1e-15, 1e-9  # keep a precision of 0/0 defined; with them a missing order gives almost zero


class BleuStatistics(NamedTuple):
    """What BLEU needs of a caption; of several, with an axis of images in front; or of a corpus, added up.

    `matches` and `guesses`, [..., 4], hold for n-grams of order 1 to 4 the clipped number found in a
    reference and the number in the candidate. `length`, [...], is the candidate's, `reference_length`
    that of the reference closest in length, of two equally close the shorter.
    """

    matches: Ints
    guesses: Ints
    length: Ints
    reference_length: Ints


class Bleu(NamedTuple):
    """BLEU-1 to BLEU-4, and the candidates' total length over that of the references."""

    bleu1: float
    bleu2: float
    bleu3: float
    bleu4: float
    length_ratio: float


def bleu(
    candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]], brevity_penalty: bool = True
) -> Bleu:
    """BLEU of a corpus: one candidate and one or more references for each image, as tokens.

    BLEU_k is the geometric mean of the clipped precisions of orders 1 to k, times exp(1 - r / c) where the
    candidates' length c is below the references' length r. Without `brevity_penalty` that factor is left
    out, as in the tables of Xu et al. (2015).
    """
    return bleu_of(total([corpus_statistics(encode(candidates, references))]), brevity_penalty)


def sentence_bleu(candidate: Tokens, references: Sequence[Tokens], brevity_penalty: bool = True) -> Bleu:
    """The same formula on one caption: near zero, not smoothed, where a higher order has no match."""
    return bleu_of(bleu_statistics(candidate, references), brevity_penalty)


def bleu_statistics(candidate: Tokens, references: Sequence[Tokens]) -> BleuStatistics:
    """Counts of one caption."""
    return total([corpus_statistics(encode([candidate], [references]))])


def corpus_statistics(corpus: Corpus) -> BleuStatistics:
    """Counts of each image."""
    num_images = len(corpus.candidate)
    matches = np.empty((num_images, MAX_ORDER), np.int64)
    for order, (grams, said, truth) in enumerate(zip(corpus.ngrams, corpus.said, corpus.truth, strict=True)):
        allowed = np.zeros_like(grams.times)
        np.maximum.at(allowed, said, grams.times[truth])
        clipped = np.minimum(grams.times, allowed)
        found = np.flatnonzero(clipped)
        of_image = corpus.image[grams.sentence[found]]
        matches[:, order] = np.bincount(of_image, clipped[found], minlength=num_images)
    length = corpus.lengths[corpus.candidate]
    guesses = np.maximum(0, length[:, None] - np.arange(MAX_ORDER))
    return BleuStatistics(matches, guesses, length, _closest_lengths(corpus))


def total(statistics: Iterable[BleuStatistics]) -> BleuStatistics:
    """Statistics of a corpus: BLEU of a corpus is not the mean of its captions' BLEU."""
    matches, guesses, length, reference_length = zip(*statistics, strict=True)
    return BleuStatistics(
        np.sum([part.reshape(-1, MAX_ORDER).sum(axis=0) for part in matches], axis=0),
        np.sum([part.reshape(-1, MAX_ORDER).sum(axis=0) for part in guesses], axis=0),
        np.sum([part.sum() for part in length]),
        np.sum([part.sum() for part in reference_length]),
    )


def bleu_of(statistics: BleuStatistics, brevity_penalty: bool = True) -> Bleu:
    """The scores of the statistics of one caption, or of many added up."""
    ratio = (statistics.length + _TINY) / (statistics.reference_length + _SMALL)
    return Bleu._make([*bleu_scores(statistics, brevity_penalty).tolist(), float(ratio)])


def bleu_scores(statistics: BleuStatistics, brevity_penalty: bool = True) -> NDArray[np.float64]:
    """BLEU-1 to BLEU-4 of each of the statistics, [..., 4]."""
    precisions = (statistics.matches + _TINY) / (statistics.guesses + _SMALL)
    scores = np.cumprod(precisions, axis=-1) ** (1 / np.arange(1, MAX_ORDER + 1))
    if not brevity_penalty:
        return scores
    ratio = (statistics.length + _TINY) / (statistics.reference_length + _SMALL)
    return scores * np.exp(1 - 1 / np.minimum(1, ratio))[..., None]


def _closest_lengths(corpus: Corpus) -> Ints:
    """Of each image, the length of the reference closest to the candidate's, of two the shorter."""
    apart = np.abs(corpus.lengths - corpus.lengths[corpus.candidate][corpus.image])
    is_truth = np.ones(len(apart), np.bool_)
    is_truth[corpus.candidate] = False
    order = np.lexsort((corpus.lengths, apart, ~is_truth, corpus.image))
    return corpus.lengths[order[corpus.candidate]]
