"""CIDEr-D (Vedantam et al., 2015) as the coco-caption evaluation computes it, there named CIDEr.

N images, S = 1 statistic of an image.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from captioner.metrics.base import METRICS, AdditiveMetric, Array
from captioner.metrics.document_frequencies import DocumentFrequencies, reference_frequencies
from captioner.metrics.ngrams import MAX_ORDER, CaptionCorpus, Tokens, encode

SIGMA = 6.0


class CiderScores(NamedTuple):
    """The mean over images, times ten as is usual, and the score of each image."""

    score: float
    per_image: list[float]


@METRICS.register("cider_d")
class CiderD(AdditiveMetric):
    """CIDEr-D, the mean of the images' scores.

    Of drawn images, it is the mean with the document frequencies of all images, which a draw would change
    a little.

    Args:
        frequencies: document frequencies of another corpus; None takes those of the references given.
    """

    labels: ClassVar[Mapping[str, str]] = {"cider_d": "CIDEr-D"}
    position = 30
    image_figures = ("cider_d",)
    oracle = "cider_d"

    def __init__(self, frequencies: DocumentFrequencies | None = None) -> None:
        self.frequencies = frequencies

    def statistics(self, corpus: CaptionCorpus) -> Array:
        """Return the score of each image, [N, 1]."""
        return corpus_cider_d(corpus, self.frequencies)[:, None]

    def compute(self, sums: Array, num_images: Array) -> dict[str, Array]:
        """Compute the mean; see `AdditiveMetric`."""
        return {"cider_d": sums[..., 0] / num_images}


def cider_d(
    candidates: Sequence[Tokens],
    references: Sequence[Sequence[Tokens]],
    frequencies: DocumentFrequencies | None = None,
) -> CiderScores:
    """Compute CIDEr-D of a corpus.

    The document frequency of an n-gram is the number of images with it in any of the *given* references,
    unless those of another corpus are given. So scores of sets of different sizes do not compare, and a
    single image always scores zero.

    Args:
        candidates: the tokens of a caption for each image.
        references: the tokens of one or more captions for each image.
        frequencies: document frequencies of another corpus.

    Returns:
        The score of the corpus and of each image.
    """
    per_image = corpus_cider_d(encode(candidates, references), frequencies)
    return CiderScores(float(per_image.mean()), per_image.tolist())


def corpus_cider_d(
    corpus: CaptionCorpus, frequencies: DocumentFrequencies | None = None
) -> NDArray[np.float64]:
    """Compute CIDEr-D of each image.

    Of a candidate c and a reference r, with an n-gram's weight its count times log(images / frequency):

        10 exp(-(|c| - |r|)^2 / (2 sigma^2)) mean over orders of sum_g min(c_g, r_g) r_g / (norm(c) norm(r))

    and of an image, the mean over its references.

    Args:
        corpus: candidates and references.
        frequencies: document frequencies of another corpus; None takes those of the references.

    Returns:
        The score of each image, [N].

    Source: Vedantam et al. (2015), the variant CIDEr-D, whose sigma is 6.
    """
    num_sentences, num_images = len(corpus.lengths), len(corpus.candidate)
    candidate_of = corpus.candidate[corpus.image]
    num_documents = frequencies.num_images if frequencies else num_images
    used = frequencies.of(corpus) if frequencies else reference_frequencies(corpus)
    cosines = np.zeros(num_sentences)
    shared = zip(corpus.ngrams, corpus.candidate_entries, corpus.reference_entries, used, strict=True)
    for grams, in_candidate, in_reference, images in shared:
        idf = np.log(max(1, num_documents)) - np.log(np.maximum(1, images))
        weights = grams.counts * idf[grams.gram]
        squares = np.bincount(grams.sentence, weights * weights, minlength=num_sentences)
        norms = np.sqrt(squares * squares[candidate_of])
        products = np.minimum(weights[in_candidate], weights[in_reference]) * weights[in_reference]
        dots = np.bincount(grams.sentence[in_reference], products, minlength=num_sentences)
        cosines += np.divide(dots, norms, out=np.zeros(num_sentences), where=norms > 0)
    apart = corpus.lengths - corpus.lengths[candidate_of]
    similarity = 10 / MAX_ORDER * cosines * np.exp(-(apart**2) / (2 * SIGMA**2))
    num_references = np.bincount(corpus.image) - 1
    return np.bincount(corpus.image, similarity, minlength=num_images) / num_references
