"""Bootstrap intervals of scores, and tests of two captioners against each other.

Images are drawn, each with its caption and all its references. A score of drawn images is computed from the
sums of their statistics (`AdditiveMetric`), so that a thousand draws are one matrix product.

R draws (resamples), N images, S statistics of an image of all metrics together.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from captioner.metrics.base import AdditiveMetric, Array

LEVEL = 0.95
NUM_DRAWS = 1000
SEED = 0
_DRAWS_AT_ONCE = 2_000_000  # numbers drawn at a time: 16 MB


class ImageStatistics(NamedTuple):
    """A metric, and what each image brings to it, statistics_NS."""

    metric: AdditiveMetric
    rows_NS: Array


class Interval(NamedTuple):
    """The bounds between which a figure lies in 95 % of the draws."""

    low: float
    high: float


class Comparison(NamedTuple):
    """A figure of one captioner against that of another.

    Attributes:
        difference: how much higher it is than the other's.
        interval: of the difference.
        p_value: of the two-sided test of the null hypothesis that captions may be exchanged.
    """

    difference: float
    interval: Interval
    p_value: float


def intervals(statistics: Sequence[ImageStatistics], num_draws: int = NUM_DRAWS) -> dict[str, Interval]:
    """Compute bootstrap percentile intervals of all scores.

    Each draw takes as many images as there are, with replacement.

    Args:
        statistics: of `CaptionScores`.
        num_draws: resamples.

    Returns:
        The interval of each figure, by name.

    Source: Efron (1979); for BLEU, Koehn (2004).
    """
    if not statistics:
        return {}
    table_NS = _table(statistics)
    figures = [_scores(statistics, times_RN @ table_NS) for times_RN in _drawn(len(table_NS), num_draws)]
    return {
        name: _interval(np.concatenate([one[name] for one in figures])) for name in next(iter(figures), {})
    }


def compare(
    first: Sequence[ImageStatistics], second: Sequence[ImageStatistics], num_draws: int = NUM_DRAWS
) -> dict[str, Comparison]:
    """Compare two captioners of the same images.

    The interval is of a paired bootstrap: both are scored on the same draws. The p value is of approximate
    randomization: in each draw, the two captions of each image change sides with probability 1/2, and
    p = (1 + draws with at least the difference found) / (1 + draws). The test holds for scores of a corpus
    too, but is not corrected for the number of scores that are compared.

    Args:
        first: statistics of the one captioner, of `CaptionScores`.
        second: of the other, by the same metrics, images in the same order.
        num_draws: resamples of the bootstrap, and draws of the test.

    Returns:
        `first` minus `second`, for each figure by name.

    Raises:
        ValueError: they differ in metrics or in the number of images.

    Source: Noreen (1989); Riezler and Maxwell (2005).
    """
    if [type(one.metric) for one in first] != [type(one.metric) for one in second]:
        raise ValueError("scores by different metrics cannot be compared")
    if not first:
        return {}
    one_NS, other_NS = _table(first), _table(second)
    if one_NS.shape != other_NS.shape:
        raise ValueError(f"{len(one_NS)} images cannot be paired with {len(other_NS)}")

    def differences(sums: Array, other_sums: Array) -> dict[str, Array]:
        other = _scores(second, other_sums)
        return {name: figure - other[name] for name, figure in _scores(first, sums).items()}

    one_S, other_S = one_NS.sum(axis=0), other_NS.sum(axis=0)
    drawn = [differences(t_RN @ one_NS, t_RN @ other_NS) for t_RN in _drawn(len(one_NS), num_draws)]
    swapped = [
        differences(one_S + moved_RS, other_S - moved_RS)
        for moved_RS in (swaps_RN @ (other_NS - one_NS) for swaps_RN in _swaps(len(one_NS), num_draws))
    ]
    compared = {}
    for name, difference in differences(one_S, other_S).items():
        chance_R = np.concatenate([np.abs(draw[name]) for draw in swapped])
        # Sums in another order differ in their last digits: a draw that swaps nothing counts as equal.
        as_much = np.count_nonzero(chance_R >= np.abs(difference) * (1 - 1e-9) - 1e-15)
        interval = _interval(np.concatenate([draw[name] for draw in drawn]))
        compared[name] = Comparison(float(difference), interval, (1 + as_much) / (1 + num_draws))
    return compared


def _table(statistics: Sequence[ImageStatistics]) -> Array:
    """Return the statistics of all metrics side by side, and a last column that counts images."""
    columns = [one.rows_NS for one in statistics]
    return np.hstack([*columns, np.ones((len(columns[0]), 1))])


def _scores(statistics: Sequence[ImageStatistics], sums: Array) -> dict[str, Array]:
    """Compute all figures from sums over images, [..., S + 1], each [...]."""
    figures: dict[str, Array] = {}
    start = 0
    for metric, rows_NS in statistics:
        end = start + rows_NS.shape[1]
        figures |= metric.compute(sums[..., start:end], sums[..., -1])
        start = end
    return figures


def _interval(values_R: Array) -> Interval:
    return Interval(*np.quantile(values_R, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist())


def _parts(num_images: int, num_draws: int) -> Iterator[int]:
    """Yield numbers of draws, so many at once that memory is bounded."""
    at_once = max(1, _DRAWS_AT_ONCE // num_images)
    yield from (min(at_once, num_draws - start) for start in range(0, num_draws, at_once))


def _drawn(num_images: int, num_draws: int) -> Iterator[Array]:
    """Yield times_RN, how often each image is in each draw; the same draws at every call."""
    random = np.random.default_rng(SEED)
    for part in _parts(num_images, num_draws):
        places = random.integers(num_images, size=(part, num_images)) + num_images * np.arange(part)[:, None]
        times = np.bincount(places.ravel(), minlength=part * num_images)
        yield times.reshape(part, num_images).astype(np.float64)


def _swaps(num_images: int, num_draws: int) -> Iterator[Array]:
    """Yield swaps_RN, 1 where an image's captions change sides, else 0."""
    random = np.random.default_rng(SEED)
    for part in _parts(num_images, num_draws):
        yield random.integers(2, size=(part, num_images), dtype=np.uint8).astype(np.float64)
