"""ROUGE-L as the coco-caption evaluation computes it (Lin, 2004).

N images, S = 1 statistic of an image.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from captioner.metrics.base import METRICS, AdditiveMetric, Array
from captioner.metrics.ngrams import CaptionCorpus, Tokens

BETA = 1.2


@METRICS.register("rouge_l")
class RougeL(AdditiveMetric):
    """ROUGE-L, the mean of the images' F-measures."""

    labels: ClassVar[Mapping[str, str]] = {"rouge_l": "ROUGE-L"}
    position = 20
    image_figures = ("rouge_l",)

    def statistics(self, corpus: CaptionCorpus) -> Array:
        """Return the F-measure of each image, [N, 1]."""
        pairs = zip(corpus.candidates, corpus.references, strict=True)
        return np.array([sentence_rouge_l(*pair) for pair in pairs])[:, None]

    def compute(self, sums: Array, num_images: Array) -> dict[str, Array]:
        """Compute the mean; see `AdditiveMetric`."""
        return {"rouge_l": sums[..., 0] / num_images}


def rouge_l(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> float:
    """Compute the mean over images of `sentence_rouge_l`."""
    scores = [sentence_rouge_l(*pair) for pair in zip(candidates, references, strict=True)]
    return sum(scores) / len(scores)


def sentence_rouge_l(candidate: Tokens, references: Sequence[Tokens]) -> float:
    """Compute the F-measure of the longest common subsequence, recall weighted by beta = 1.2.

    Precision and recall are each the best over the references, not necessarily of the same one:

        P = max_r lcs(c, r) / |c|,   R = max_r lcs(c, r) / |r|,   F = (1 + beta^2) P R / (R + beta^2 P)

    A caption without tokens counts as one empty token.

    Args:
        candidate: the tokens of a caption.
        references: the tokens of one or more captions of the same image.

    Returns:
        The F-measure, 0 to 1.

    Source: Lin (2004), section 3, equations 2 to 4; the best over references as in coco-caption.
    """
    caption, groups = candidate or [""], [reference or [""] for reference in references]
    common = common_subsequences(caption, groups)
    precision = max(common) / len(caption)
    recall = max(length / len(reference) for length, reference in zip(common, groups, strict=True))
    if not precision:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def common_subsequences(first: Tokens, others: Sequence[Tokens]) -> list[int]:
    """Compute the length of the longest common subsequence of one sentence with each of the others.

    A row of the usual table at a time, each row kept as the bits of one integer: the table's rows go up in
    steps of zero or one, and a zero bit of `row` marks a step.

    Args:
        first: the tokens of a sentence.
        others: those of other sentences.

    Returns:
        A length for each of the others.

    Source: Hyyro (2004), "Bit-parallel LCS-length computation revisited".
    """
    positions: dict[str, int] = {}
    for index, token in enumerate(first):
        positions[token] = positions.get(token, 0) | 1 << index
    full = (1 << len(first)) - 1
    lengths = []
    for other in others:
        row = full
        # A word that `first` has not changes no row.
        for places in filter(None, map(positions.get, other)):
            steps = row & places
            row = row + steps | row - steps
        lengths.append(len(first) - (row & full).bit_count())
    return lengths
