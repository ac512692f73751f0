"""Scores of several captions an image: of the best of them, and of how much they differ.

N images, S statistics of an image.
"""

from collections.abc import Sequence

import numpy as np

from captioner.metrics.base import AdditiveMetric, Array, build_metrics
from captioner.metrics.ngrams import Tokens, encode

SIZES = (1, 5, 10, 20)


def n_best_scores(
    lists: Sequence[Sequence[Tokens]], references: Sequence[Sequence[Tokens]], n_best: int
) -> dict[int, dict[str, float]]:
    """Score the first 1, 5, 10, 20 captions of each image, up to `n_best`, and the first `n_best`.

    For each metric with an `oracle` figure, an oracle picks for every image the caption with the highest
    figure, of equals the first; its figure is that of the corpus of picked captions. So `cider_d` is the
    mean over images of the best scores, while `bleu4`, as BLEU is of a corpus, may, if rarely, fall with more
    captions to pick from. Metrics that measure whole lists add their figures: `distinct1` to `distinct4`.

    Args:
        lists: the tokens of an image's captions, one or more, the best first. An image with fewer than
            asked for has all.
        references: the tokens of one or more references for each image.
        n_best: captions asked for.

    Returns:
        For each size, the figures by name.
    """
    metrics = build_metrics()
    oracles = [metric for metric in metrics if isinstance(metric, AdditiveMetric) and metric.oracle]
    picked: list[Array] = []
    found: dict[int, dict[str, float]] = {}
    sizes = {size for size in SIZES if size < n_best} | {n_best}
    for rank in range(n_best):
        corpus = encode([captions[min(rank, len(captions) - 1)] for captions in lists], references)
        rows = [metric.statistics(corpus) for metric in oracles]
        picked = list(map(_better, oracles, picked or rows, rows))
        if rank + 1 in sizes:
            figures: dict[str, float] = {}
            for metric, rows_NS in zip(oracles, picked, strict=True):
                assert metric.oracle is not None
                figures[metric.oracle] = metric.of_corpus(rows_NS)[metric.oracle]
            for one in metrics:
                figures |= one.measure_lists([captions[: rank + 1] for captions in lists])
            found[rank + 1] = figures
    return found


def _better(metric: AdditiveMetric, one_NS: Array, other_NS: Array) -> Array:
    """Return, for every image, the statistics with the higher figure; of equals the first."""
    assert metric.oracle is not None
    one_N, other_N = (
        metric.compute(rows_NS, np.ones(len(rows_NS)))[metric.oracle] for rows_NS in (one_NS, other_NS)
    )
    return np.where((other_N > one_N)[:, None], other_NS, one_NS)
