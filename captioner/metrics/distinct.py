"""The share of different captions, and of different n-grams in lists of captions."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from captioner.metrics.base import METRICS, CaptionMetric, Measured
from captioner.metrics.diversity import distinct_in_lists, share_of_distinct
from captioner.metrics.ngrams import MAX_ORDER, CaptionCorpus, Tokens


@METRICS.register("distinct")
class Distinct(CaptionMetric):
    """Share of different captions; and of n-best lists, distinct-1 to distinct-4 (Li et al., 2016).

    The share of a set is no function of sums over its images, so that it has no bootstrap interval: images
    drawn twice would count as captions that repeat each other.
    """

    labels: ClassVar[Mapping[str, str]] = {
        "distinct": "different captions",
        "distinct1": "different words, over all words",
        "distinct2": "different 2-grams, over all words",
        "distinct3": "different 3-grams, over all words",
        "distinct4": "different 4-grams, over all words",
    }
    position = 50

    def measure(self, corpus: CaptionCorpus) -> Measured:
        """Score all captions of a corpus."""
        return Measured({"distinct": share_of_distinct(corpus.candidates)}, {})

    def measure_lists(self, lists: Sequence[Sequence[Tokens]]) -> dict[str, float]:
        """Compute distinct-1 to distinct-4 of several captions an image, by `distinct_in_lists`."""
        orders = range(1, MAX_ORDER + 1)
        return {f"distinct{n}": share for n, share in zip(orders, distinct_in_lists(lists), strict=True)}
