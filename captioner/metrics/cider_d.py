"""CIDEr-D (Vedantam et al., 2015) as the coco-caption evaluation computes it, there named CIDEr."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from captioner.metrics.document_frequencies import DocumentFrequencies, reference_frequencies
from captioner.metrics.ngrams import MAX_ORDER, Corpus, Tokens, encode

SIGMA = 6.0


class CiderD(NamedTuple):
    """The mean over images, times ten as is usual, and the score of each image."""

    score: float
    per_image: list[float]


def cider_d(
    candidates: Sequence[Tokens],
    references: Sequence[Sequence[Tokens]],
    frequencies: DocumentFrequencies | None = None,
) -> CiderD:
    """CIDEr-D of a corpus: one candidate and one or more references for each image, as tokens.

    The document frequency of an n-gram is the number of images with it in any of the *given* references,
    unless those of another corpus are given. So scores of sets of different sizes do not compare, and a
    single image always scores zero.
    """
    per_image = corpus_cider_d(encode(candidates, references), frequencies)
    return CiderD(float(per_image.mean()), per_image.tolist())


def corpus_cider_d(corpus: Corpus, frequencies: DocumentFrequencies | None = None) -> NDArray[np.float64]:
    """CIDEr-D of each image.

    Of a candidate c and a reference r, with an n-gram's weight its count times log(images / frequency):

        10 exp(-(|c| - |r|)^2 / (2 sigma^2)) mean over orders of sum_g min(c_g, r_g) r_g / (norm(c) norm(r))

    and of an image, the mean over its references.
    """
    num_sentences, num_images = len(corpus.lengths), len(corpus.candidate)
    said_by = corpus.candidate[corpus.image]
    num_documents = frequencies.num_images if frequencies else num_images
    used = frequencies.of(corpus) if frequencies else reference_frequencies(corpus)
    cosines = np.zeros(num_sentences)
    for grams, said, truth, images in zip(corpus.ngrams, corpus.said, corpus.truth, used, strict=True):
        idf = np.log(max(1, num_documents)) - np.log(np.maximum(1, images))
        weights = grams.times * idf[grams.gram]
        squares = np.bincount(grams.sentence, weights * weights, minlength=num_sentences)
        norms = np.sqrt(squares * squares[said_by])
        shared = np.minimum(weights[said], weights[truth]) * weights[truth]
        dots = np.bincount(grams.sentence[truth], shared, minlength=num_sentences)
        cosines += np.divide(dots, norms, out=np.zeros(num_sentences), where=norms > 0)
    apart = corpus.lengths - corpus.lengths[said_by]
    similarity = 10 / MAX_ORDER * cosines * np.exp(-(apart**2) / (2 * SIGMA**2))
    num_references = np.bincount(corpus.image) - 1
    return np.bincount(corpus.image, similarity, minlength=num_images) / num_references
