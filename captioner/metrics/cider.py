"""CIDEr-D (Vedantam et al., 2015) as the coco-caption evaluation computes it, there named CIDEr."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from captioner.metrics.bleu import MAX_ORDER, Tokens, ngrams

SIGMA = 6.0


class CiderD(NamedTuple):
    """The mean over images, times ten as is usual, and the score of each image."""

    score: float
    per_image: list[float]


class _Vectors(NamedTuple):
    """A sentence as tf-idf weights of its n-grams, an entry per order."""

    weights: list[dict[Tokens, float]]
    norms: list[float]
    length: int


def cider_d(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> CiderD:
    """CIDEr-D of a corpus: one candidate and one or more references for each image, as tokens.

    The document frequency of an n-gram is the number of images with it in any of the *given* references.
    So scores of sets of different sizes do not compare, and a single image always scores zero.
    """
    documents: Counter[Tokens] = Counter()
    for group in references:
        documents.update({gram for reference in group for gram in _all_ngrams(reference)})
    log_images = math.log(max(1, len(references)))
    idf = {gram: log_images - math.log(count) for gram, count in documents.items()}
    scores = []
    for candidate, group in zip(candidates, references, strict=True):
        vectors = _vectors(candidate, idf, log_images)
        similarities = [_similarity(vectors, _vectors(reference, idf, log_images)) for reference in group]
        scores.append(10 * sum(similarities) / len(similarities))
    return CiderD(sum(scores) / len(scores), scores)


def _all_ngrams(tokens: Tokens) -> list[Tokens]:
    return [gram for order in range(1, MAX_ORDER + 1) for gram in ngrams(tokens, order)]


def _vectors(tokens: Tokens, idf: dict[Tokens, float], unseen: float) -> _Vectors:
    weights = [
        {gram: count * idf.get(gram, unseen) for gram, count in Counter(ngrams(tokens, order)).items()}
        for order in range(1, MAX_ORDER + 1)
    ]
    norms = [math.sqrt(sum(weight * weight for weight in one.values())) for one in weights]
    return _Vectors(weights, norms, len(tokens))


def _similarity(candidate: _Vectors, reference: _Vectors) -> float:
    """Mean over the orders of the cosine with clipped weights, times a Gaussian of the length difference."""
    cosines = 0.0
    for order in range(MAX_ORDER):
        weights, norm = reference.weights[order], candidate.norms[order] * reference.norms[order]
        dot = sum(
            min(weight, weights[gram]) * weights[gram]
            for gram, weight in candidate.weights[order].items()
            if gram in weights
        )
        cosines += dot / norm if norm else dot
    difference = candidate.length - reference.length
    return cosines / MAX_ORDER * math.exp(-(difference**2) / (2 * SIGMA**2))
