"""Metrics as a reward of generated captions, against references that are prepared once."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from captioner.errors import UserError, nearest
from captioner.metrics.base import AdditiveMetric, build_metrics, metric_class, metric_names
from captioner.metrics.document_frequencies import DocumentFrequencies
from captioner.metrics.ngrams import Tokens, encode
from captioner.vocabulary import Vocabulary


class CaptionReward:
    """A weighted sum of metrics of any captions of known images, as self-critical training needs it.

    To reward a caption for ending, give tokens and end each reference, and each caption that ended, with a
    token of its own.

    Args:
        references: the tokens of one or more references, by image id.
        frequencies: document frequencies of another corpus; None takes those of the references.
        vocabulary: if given, captions are numbers of its words; None for captions as tokens.
        weights: of each figure that a metric has of a single image: cider_d, bleu4, rouge_l. None: CIDEr-D.

    Raises:
        UserError: no metric has such a figure of an image.

    Source: Rennie et al. (2017), whose reward is CIDEr-D.

    >>> reward = CaptionReward({3: [["a", "red", "bus"]], 8: [["two", "dogs"]]})
    >>> reward([8, 3, 8], [["two", "dogs"], ["two", "dogs"], ["two", "dogs", "bark"]]).round(3).tolist()
    [5.0, 0.0, 3.756]
    """

    def __init__(
        self,
        references: Mapping[int, Sequence[Tokens]],
        frequencies: DocumentFrequencies | None = None,
        vocabulary: Vocabulary | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        self.references = references
        self.frequencies = frequencies or DocumentFrequencies.count(list(references.values()))
        self.vocabulary = vocabulary
        self.weights = dict(weights or {"cider_d": 1.0})
        self.metrics = build_metrics(check_reward(self.weights), frequencies=self.frequencies)

    def __call__(self, image_ids: Sequence[int], captions: Sequence[Sequence[Any]]) -> NDArray[np.float64]:
        """Compute the reward of each caption; an image may come several times.

        Args:
            image_ids: of the image of each caption.
            captions: tokens, or numbers of words where there is a vocabulary.

        Returns:
            A reward for each caption.

        Raises:
            UserError: an image has no references.
        """
        for image_id in image_ids:
            if not self.references.get(image_id):
                raise UserError(f"Image {image_id} has no reference captions to reward its caption by.")
        tokens = [self.vocabulary.decode(caption) for caption in captions] if self.vocabulary else captions
        corpus = encode(tokens, [self.references[image_id] for image_id in image_ids])
        figures: dict[str, NDArray[np.float64]] = {}
        for metric in self.metrics:
            figures |= metric.measure(corpus).per_image
        total = np.zeros(len(captions))
        for name, weight in self.weights.items():
            total += weight * figures[name]
        return total


def check_reward(weights: Mapping[str, float]) -> list[str]:
    """Find the metrics whose figures a reward is made of.

    Args:
        weights: by the names of figures.

    Returns:
        Names of metrics.

    Raises:
        UserError: no metric has such a figure of an image.
    """
    found: dict[str, str] = {}
    for name in metric_names():
        metric = metric_class(name)
        if issubclass(metric, AdditiveMetric):
            found |= dict.fromkeys(metric.image_figures, name)
    for figure in weights:
        if figure not in found:
            raise UserError(f"There is no reward {figure!r}. {nearest(figure, found)}")
    return sorted({found[figure] for figure in weights})
