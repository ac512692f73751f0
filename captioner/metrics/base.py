"""The interface of caption metrics, and their registry: a new metric is one file of this package.

N images, S statistics of an image; an ellipsis stands for any axes in front.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from captioner.metrics.ngrams import CaptionCorpus, Tokens
from captioner.registry import Registry

Array = NDArray[np.float64]


class Measured(NamedTuple):
    """Scores of a corpus by one metric.

    Attributes:
        figures: the scores of the corpus, by the names of `CaptionMetric.labels`.
        per_image: those of each image, [N], for the figures that an image has.
        statistics_NS: a row for each image, as in `AdditiveMetric`; None where images do not add up.
    """

    figures: dict[str, float]
    per_image: dict[str, Array]
    statistics_NS: Array | None = None


class CaptionMetric(ABC):
    """A metric of captions, higher for better ones.

    Attributes:
        labels: what tables call each figure that the metric yields, in the order of the table.
        position: where the metric stands in tables; the lowest first, then by name.
        on_by_default: whether it runs unless asked for; false for what needs another program.
    """

    labels: ClassVar[Mapping[str, str]]
    position: ClassVar[int] = 100
    on_by_default: ClassVar[bool] = True

    @abstractmethod
    def measure(self, corpus: CaptionCorpus) -> Measured:
        """Score all captions of a corpus."""

    def measure_lists(self, lists: Sequence[Sequence[Tokens]]) -> dict[str, float]:
        """Score several captions an image without references; the default yields no figure."""
        return {}


class AdditiveMetric(CaptionMetric):
    """A metric that is a function of sums over images.

    Each image brings a row of statistics. Any images, drawn with replacement or exchanged between two
    captioners, are scored by the sum of their rows and their number: so a bootstrap with a thousand draws
    is one matrix product.

    Attributes:
        image_figures: the figures that are given for each image too.
        oracle: the figure of an image by which an n-best oracle picks its caption; None for no oracle.
    """

    image_figures: ClassVar[Sequence[str]] = ()
    oracle: ClassVar[str | None] = None

    @abstractmethod
    def statistics(self, corpus: CaptionCorpus) -> Array:
        """Return statistics_NS, a row for each image of the corpus, which can be added up."""

    @abstractmethod
    def compute(self, sums: Array, num_images: Array) -> dict[str, Array]:
        """Compute all figures from sums of statistics over images.

        Args:
            sums: statistics added up, [..., S].
            num_images: over how many images, [...].

        Returns:
            Each figure of `labels`, [...].
        """

    def measure(self, corpus: CaptionCorpus) -> Measured:
        """Score all captions of a corpus."""
        statistics_NS = self.statistics(corpus)
        return Measured(self.of_corpus(statistics_NS), self.of_images(statistics_NS), statistics_NS)

    def of_corpus(self, statistics_NS: Array) -> dict[str, float]:
        """Compute all figures from the statistics of each image."""
        # Images lie along the inner axis, where numpy adds pairwise and so loses fewest digits.
        sums_S = np.ascontiguousarray(statistics_NS.T).sum(axis=1)
        figures = self.compute(sums_S, np.array(float(len(statistics_NS))))
        return {name: float(value) for name, value in figures.items()}

    def of_images(self, statistics_NS: Array) -> dict[str, Array]:
        """Compute `image_figures`, each [N], of each image as a corpus of its own."""
        figures = self.compute(statistics_NS, np.ones(len(statistics_NS)))
        return {name: figures[name] for name in self.image_figures}


METRICS: Registry[CaptionMetric] = Registry("metric", "captioner.metrics")


def metric_class(name: str) -> type[CaptionMetric]:
    """Return a metric's class.

    Args:
        name: as registered.

    Returns:
        The class.

    Raises:
        UserError: there is no metric of that name.
        TypeError: what is registered is no class of metrics.
    """
    maker = METRICS[name]
    if not (isinstance(maker, type) and issubclass(maker, CaptionMetric)):
        raise TypeError(f"metric {name!r} is {maker}, no subclass of CaptionMetric")
    return maker


def metric_names() -> list[str]:
    """Return the names of all metrics, in the order of tables."""
    return sorted(METRICS, key=lambda name: metric_class(name).position)


def default_metrics() -> list[str]:
    """Return the names of the metrics that run unless others are asked for, in the order of tables."""
    return [name for name in metric_names() if metric_class(name).on_by_default]


def comparable_figures() -> list[str]:
    """Return the figures of `default_metrics` that are better where they are greater."""
    metrics = map(metric_class, default_metrics())
    return [figure for metric in metrics if issubclass(metric, AdditiveMetric) for figure in metric.labels]


def build_metrics(names: Collection[str] | None = None, **facts: Any) -> list[CaptionMetric]:
    """Build metrics in the order of tables.

    Args:
        names: of the metrics; None for those that are on by default.
        **facts: arguments that a constructor may take: `frequencies`, document frequencies or None.

    Returns:
        The metrics.

    Raises:
        UserError: there is no metric of such a name.
    """
    wanted = default_metrics() if names is None else sorted(names, key=lambda n: metric_class(n).position)
    return [METRICS.build({"name": name}, **facts) for name in wanted]


def figure_labels() -> dict[str, str]:
    """Return what tables call each figure of each metric."""
    return {figure: label for name in metric_names() for figure, label in metric_class(name).labels.items()}
