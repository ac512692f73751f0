"""Scores of a unit for a label: average precision and IoU for one that is on or off, Pearson for a number.

T characters, C codes of half precision numbers, in order.

Source: Oikarinen et al. (2025), "Evaluating neuron explanations" (arXiv 2506.05774): of 18 measures F1, IoU,
correlation, cosine and average precision (the area under the precision-recall curve) pass both of its tests,
and the area under the ROC curve does not.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from captioner.metrics.significance import Interval

Array = NDArray[np.float64]
NUM_CODES = 1 << 16
BLOCKS = 40  # of a text, drawn with replacement
DRAWS = 200
LEVEL = 0.95


def codes_of(values_T: NDArray[np.float16]) -> NDArray[np.uint16]:
    """Return integers in the order of half precision numbers, equal for equal ones."""
    bits = np.ascontiguousarray(values_T + np.float16(0)).view(np.uint16)  # no negative zero
    return np.where(bits & 0x8000, ~bits, bits | 0x8000)


class Curve(NamedTuple):
    """Counts of characters by the code of a unit's value.

    Args:
        on_C: those where the label is on.
        all_C: all of them.
    """

    on_C: NDArray[np.float64]
    all_C: NDArray[np.float64]

    @classmethod
    def of(cls, codes_T: NDArray[np.uint16], on_T: NDArray[np.bool_]) -> "Curve":
        """Count the codes."""
        on_C = np.bincount(codes_T[on_T], minlength=NUM_CODES).astype(float)
        return cls(on_C, np.bincount(codes_T, minlength=NUM_CODES).astype(float))

    def flipped(self) -> "Curve":
        """Return the curve of the negated values."""
        return Curve(self.on_C[::-1], self.all_C[::-1])

    @property
    def base_rate(self) -> float:
        """The share of characters where the label is on: the average precision of chance."""
        return float(self.on_C.sum() / self.all_C.sum())

    def average_precision(self) -> float:
        """Compute the sum over thresholds of precision times the rise of recall, the largest first."""
        used = self.all_C[::-1] > 0
        on, every = self.on_C[::-1][used], self.all_C[::-1][used]
        if not on.sum():
            return 0.0
        precision = np.cumsum(on) / np.cumsum(every)
        return float((precision * on).sum() / on.sum())

    def iou(self) -> Array:
        """Compute intersection over union of the label with "the value has at least this code"."""
        true_C = np.cumsum(self.on_C[::-1])[::-1]
        said_C = np.cumsum(self.all_C[::-1])[::-1]
        union_C = self.on_C.sum() + said_C - true_C
        return np.asarray(true_C / np.maximum(union_C, 1))


def pearson(x_T: NDArray[np.floating], y_T: NDArray[np.floating]) -> float:
    """Compute the correlation; 0 where one of them does not vary."""
    x = np.asarray(x_T, dtype=np.float64) - np.mean(x_T, dtype=np.float64)
    y = np.asarray(y_T, dtype=np.float64) - np.mean(y_T, dtype=np.float64)
    scale = np.sqrt((x * x).sum() * (y * y).sum())
    return float((x * y).sum() / scale) if scale > 0 else 0.0


def strength(score: float, base_rate: float | None) -> float:
    """Put scores of both kinds on one scale, from 0 for chance to 1 for a perfect unit.

    Args:
        score: an average precision, or a correlation.
        base_rate: of a label that is on or off; None for a correlation.

    Returns:
        (score - base rate) / (1 - base rate), or the absolute correlation.
    """
    if base_rate is None:
        return abs(score)
    return (score - base_rate) / (1 - base_rate) if base_rate < 1 else 0.0


def score(values_T: NDArray[np.floating], label_T: NDArray[np.float32], graded: bool) -> float:
    """Score values against a label, larger values for one that is on; NaN of the label is left out.

    Args:
        values_T: of a unit, a probe or a lookup.
        label_T: the label.
        graded: whether it is a number.

    Returns:
        The correlation, or the average precision.
    """
    defined_T = ~np.isnan(label_T)
    values, label = values_T[defined_T], label_T[defined_T]
    if graded:
        return pearson(values, label)
    return Curve.of(codes_of(values.astype(np.float16)), label > 0).average_precision()


def bootstrap(
    values_T: NDArray[np.floating], label_T: NDArray[np.float32], graded: bool, seed: int = 0
) -> Interval:
    """Bound a score by drawing blocks of the text with replacement.

    Args:
        values_T: as of `score`.
        label_T: the label.
        graded: whether it is a number.
        seed: of the draws.

    Returns:
        The interval of 95 %.
    """
    rng = np.random.default_rng(seed)
    draws_DB = rng.multinomial(BLOCKS, np.full(BLOCKS, 1 / BLOCKS), DRAWS).astype(float)
    parts = list(zip(np.array_split(values_T, BLOCKS), np.array_split(label_T, BLOCKS), strict=True))
    found = _correlations(parts, draws_DB) if graded else _precisions(parts, draws_DB)
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))


def last_defined(label_T: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a label with its last defined value where it is not defined."""
    places_T = np.maximum.accumulate(np.where(np.isnan(label_T), 0, np.arange(len(label_T))))
    filled: NDArray[np.float32] = label_T[places_T]
    return filled


def mean_by_label(
    values_T: NDArray[np.float32], label_T: NDArray[np.float32], half: int, bins: int = 20
) -> NDArray[np.float32]:
    """Compute the mean of values at characters with about the same label.

    Args:
        values_T: of a unit.
        label_T: the label.
        half: the means are of the characters before this place.
        bins: of equally many characters; a label with fewer values has a bin for each of them.

    Returns:
        The mean that belongs to every character's label; where it is not defined, the mean of those places.
    """
    edges = np.unique(np.nanquantile(label_T[:half], np.linspace(0, 1, bins + 1)))
    bin_T = np.where(np.isnan(label_T), len(edges), np.searchsorted(edges, label_T, "right") - 1)
    bin_T = bin_T.clip(0)
    counts = np.bincount(bin_T[:half], minlength=len(edges) + 1)
    sums = np.bincount(bin_T[:half], values_T[:half], minlength=len(edges) + 1)
    return (sums / np.maximum(counts, 1))[bin_T].astype(np.float32)


Parts = list[tuple[NDArray[np.floating], NDArray[np.float32]]]


def _correlations(parts: Parts, draws_DB: Array) -> Array:
    sums = []
    for values, label in parts:
        defined = ~np.isnan(label)
        x, y = values[defined].astype(float), label[defined].astype(float)
        sums.append([len(x), x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum()])
    n, x, y, xx, yy, xy = (draws_DB @ np.array(sums)).T
    scale = np.sqrt(np.maximum((n * xx - x * x) * (n * yy - y * y), 0))
    return np.asarray((n * xy - x * y) / np.where(scale > 0, scale, np.inf))


def _precisions(parts: Parts, draws_DB: Array) -> Array:
    curves = []
    for values, label in parts:
        defined = ~np.isnan(label)
        curves.append(Curve.of(codes_of(values[defined].astype(np.float16)), label[defined] > 0))
    used_C = sum(curve.all_C for curve in curves) > 0
    on_DC = draws_DB @ np.array([curve.on_C[used_C] for curve in curves])
    all_DC = draws_DB @ np.array([curve.all_C[used_C] for curve in curves])
    return np.array([Curve(on, every).average_precision() for on, every in zip(on_DC, all_DC, strict=True)])
