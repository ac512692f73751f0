"""BLEU as the coco-caption evaluation computes it (Papineni et al., 2002).

N images; an ellipsis stands for any axes in front.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from captioner.metrics.base import METRICS, AdditiveMetric, Array
from captioner.metrics.ngrams import MAX_ORDER, CaptionCorpus, Ints, Tokens, encode

_TINY, _SMALL = 1e-15, 1e-9  # keep a precision of 0/0 defined; with them a missing order gives almost zero
_ORDERS = range(1, MAX_ORDER + 1)
_SUFFIXES = {"": True, "_no_bp": False}  # of the figures' names: whether the brevity penalty is a factor


class BleuStatistics(NamedTuple):
    """Counts of a caption; of several, with an axis of images in front; or of a corpus, added up.

    Attributes:
        matches: of order 1 to 4, the n-grams of the candidate that a reference has, clipped, [..., 4].
        guesses: of order 1 to 4, all n-grams of the candidate, [..., 4].
        length: tokens of the candidate, [...].
        reference_length: tokens of the reference closest in length, of two equally close the shorter, [...].
    """

    matches: Ints
    guesses: Ints
    length: Ints
    reference_length: Ints


class BleuScores(NamedTuple):
    """BLEU-1 to BLEU-4, and the candidates' total length over that of the references."""

    bleu1: float
    bleu2: float
    bleu3: float
    bleu4: float
    length_ratio: float


@METRICS.register("bleu")
class Bleu(AdditiveMetric):
    """BLEU-1 to BLEU-4 with the brevity penalty, and without it as in the tables of Xu et al. (2015)."""

    labels: ClassVar[Mapping[str, str]] = {f"bleu{order}": f"BLEU-{order}" for order in _ORDERS} | {
        f"bleu{order}_no_bp": f"BLEU-{order} no brevity penalty" for order in _ORDERS
    }
    position = 10
    image_figures = ("bleu4",)
    oracle = "bleu4"

    def statistics(self, corpus: CaptionCorpus) -> Array:
        """Return the counts of each image, [N, 10]: `BleuStatistics` side by side."""
        return np.column_stack(corpus_statistics(corpus)).astype(np.float64)

    def compute(self, sums: Array, num_images: Array) -> dict[str, Array]:
        """Compute all figures from counts that were added up; see `AdditiveMetric`."""
        # A matrix product of counts is exact up to 2^53, but stays a float.
        counts = np.rint(sums).astype(np.int64)
        matches, guesses, lengths = np.split(counts, [MAX_ORDER, 2 * MAX_ORDER], axis=-1)
        statistics = BleuStatistics(matches, guesses, lengths[..., 0], lengths[..., 1])
        figures: dict[str, Array] = {}
        for suffix, brevity_penalty in _SUFFIXES.items():
            scores = bleu_scores(statistics, brevity_penalty)
            figures |= {f"bleu{order}{suffix}": scores[..., order - 1] for order in _ORDERS}
        return figures


def bleu(
    candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]], brevity_penalty: bool = True
) -> BleuScores:
    """Compute BLEU of a corpus.

    BLEU_k is the geometric mean of the clipped precisions of orders 1 to k, times exp(1 - r / c) where the
    candidates' length c is below the references' length r.

    Args:
        candidates: the tokens of a caption for each image.
        references: the tokens of one or more captions for each image.
        brevity_penalty: whether that last factor is used.

    Returns:
        The scores of the corpus.
    """
    return bleu_of(total([corpus_statistics(encode(candidates, references))]), brevity_penalty)


def sentence_bleu(
    candidate: Tokens, references: Sequence[Tokens], brevity_penalty: bool = True
) -> BleuScores:
    """Compute the same formula on one caption: near zero, not smoothed, where a higher order has no match.

    Args:
        candidate: the tokens of a caption.
        references: the tokens of one or more captions of the same image.
        brevity_penalty: whether short captions are penalised.

    Returns:
        The scores of the caption.
    """
    return bleu_of(bleu_statistics(candidate, references), brevity_penalty)


def bleu_statistics(candidate: Tokens, references: Sequence[Tokens]) -> BleuStatistics:
    """Count the n-grams of one caption and those that it shares with its references."""
    return total([corpus_statistics(encode([candidate], [references]))])


def corpus_statistics(corpus: CaptionCorpus) -> BleuStatistics:
    """Count the n-grams of each image's caption and those that it shares with the references."""
    num_images = len(corpus.candidate)
    matches = np.empty((num_images, MAX_ORDER), np.int64)
    shared = zip(corpus.ngrams, corpus.candidate_entries, corpus.reference_entries, strict=True)
    for order, (grams, in_candidate, in_reference) in enumerate(shared):
        allowed = np.zeros_like(grams.counts)
        np.maximum.at(allowed, in_candidate, grams.counts[in_reference])
        clipped = np.minimum(grams.counts, allowed)
        found = np.flatnonzero(clipped)
        of_image = corpus.image[grams.sentence[found]]
        matches[:, order] = np.bincount(of_image, clipped[found], minlength=num_images)
    length = corpus.lengths[corpus.candidate]
    guesses = np.maximum(0, length[:, None] - np.arange(MAX_ORDER))
    return BleuStatistics(matches, guesses, length, _closest_lengths(corpus))


def total(statistics: Iterable[BleuStatistics]) -> BleuStatistics:
    """Add up statistics to those of a corpus: BLEU of a corpus is not the mean of its captions' BLEU."""
    matches, guesses, length, reference_length = zip(*statistics, strict=True)
    return BleuStatistics(
        np.sum([part.reshape(-1, MAX_ORDER).sum(axis=0) for part in matches], axis=0),
        np.sum([part.reshape(-1, MAX_ORDER).sum(axis=0) for part in guesses], axis=0),
        np.sum([part.sum() for part in length]),
        np.sum([part.sum() for part in reference_length]),
    )


def bleu_of(statistics: BleuStatistics, brevity_penalty: bool = True) -> BleuScores:
    """Compute the scores from the statistics of one caption, or of many added up."""
    ratio = (statistics.length + _TINY) / (statistics.reference_length + _SMALL)
    return BleuScores._make([*bleu_scores(statistics, brevity_penalty).tolist(), float(ratio)])


def bleu_scores(statistics: BleuStatistics, brevity_penalty: bool = True) -> NDArray[np.float64]:
    """Compute BLEU-1 to BLEU-4 from each of the statistics, [..., 4]."""
    precisions = (statistics.matches + _TINY) / (statistics.guesses + _SMALL)
    scores = np.cumprod(precisions, axis=-1) ** (1 / np.arange(1, MAX_ORDER + 1))
    if not brevity_penalty:
        return scores
    ratio = (statistics.length + _TINY) / (statistics.reference_length + _SMALL)
    return scores * np.exp(1 - 1 / np.minimum(1, ratio))[..., None]


def _closest_lengths(corpus: CaptionCorpus) -> Ints:
    """Return, for each image, the length of the reference closest to the candidate's, of two the shorter."""
    apart = np.abs(corpus.lengths - corpus.lengths[corpus.candidate][corpus.image])
    is_reference = np.ones(len(apart), np.bool_)
    is_reference[corpus.candidate] = False
    order = np.lexsort((corpus.lengths, apart, ~is_reference, corpus.image))
    return corpus.lengths[order[corpus.candidate]]
