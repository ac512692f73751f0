"""How far a score would move with other images: bootstrap intervals, and two captioners compared.

Images are what is drawn, with all that was said of them. A score of drawn images is computed from sums over
them of what each image brings, so that a thousand draws are one matrix product: BLEU exactly, from counts and
lengths; ROUGE-L as the mean that it is; CIDEr-D as the mean of the images' values with the document
frequencies held fixed, which a draw would change a little.

R draws (resamples), N images.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from captioner.metrics.bleu import BleuStatistics, bleu_scores
from captioner.metrics.ngrams import MAX_ORDER

Array = NDArray[np.float64]

LEVEL = 0.95
NUM_DRAWS = 1000
SEED = 0
_DRAWS_AT_ONCE = 2_000_000  # numbers drawn at a time: 16 MB


class ImageStatistics(NamedTuple):
    """What each of N images brings to the scores of a corpus."""

    bleu: BleuStatistics
    rouge_l: Array
    cider_d: Array


class Interval(NamedTuple):
    """Where a figure lies in 95 % of the draws."""

    low: float
    high: float


class Comparison(NamedTuple):
    """How much higher a figure is than another captioner's, the interval of that, and how likely by chance.

    `p_value` is of the two-sided test that it does not matter which captioner said what.
    """

    difference: float
    interval: Interval
    p_value: float


def intervals(statistics: ImageStatistics, num_draws: int = NUM_DRAWS) -> dict[str, Interval]:
    """Bootstrap percentile intervals of the scores, by name (Efron; for BLEU: Koehn, 2004).

    Each draw takes as many images as there are, with replacement.
    """
    table = _table(statistics)
    figures = [_scores(times_RN @ table) for times_RN in _drawn(len(table), num_draws)]
    return {
        name: _interval(np.concatenate([one[name] for one in figures])) for name in next(iter(figures), {})
    }


def compare(
    first: ImageStatistics, second: ImageStatistics, num_draws: int = NUM_DRAWS
) -> dict[str, Comparison]:
    """`first` against `second`, two captioners of the same images in the same order.

    The interval is of a paired bootstrap: both are scored on the same draws. The p value is of approximate
    randomization (Noreen, 1989; Riezler and Maxwell, 2005): in each draw, the two captions of each image
    change sides with probability 1/2, and p = (1 + draws with at least the difference found) / (1 + draws).
    It is exact for the corpus scores too, but not corrected for the number of scores looked at.

    Raises:
        ValueError: they differ in the number of images.
    """
    one, other = _table(first), _table(second)
    if one.shape != other.shape:
        raise ValueError(f"{len(one)} images cannot be paired with {len(other)}")
    found = _differences(one.sum(axis=0), other.sum(axis=0))
    boot = [_differences(times_RN @ one, times_RN @ other) for times_RN in _drawn(len(one), num_draws)]
    swapped = [
        _differences(one.sum(axis=0) + moved, other.sum(axis=0) - moved)
        for moved in (swaps_RN @ (other - one) for swaps_RN in _swaps(len(one), num_draws))
    ]
    compared = {}
    for name, difference in found.items():
        by_chance = np.concatenate([np.abs(draw[name]) for draw in swapped])
        # Sums in another order differ in their last digits: a draw that swaps nothing counts as equal.
        as_much = np.count_nonzero(by_chance >= np.abs(difference) * (1 - 1e-9) - 1e-15)
        compared[name] = Comparison(
            float(difference),
            _interval(np.concatenate([draw[name] for draw in boot])),
            (1 + as_much) / (1 + num_draws),
        )
    return compared


def _table(statistics: ImageStatistics) -> Array:
    """A row per image of what can be added up; its last column counts images."""
    bleu = statistics.bleu
    counts = np.column_stack([bleu.matches, bleu.guesses, bleu.length, bleu.reference_length])
    means = np.column_stack([statistics.rouge_l, statistics.cider_d, np.ones_like(statistics.rouge_l)])
    return np.hstack([counts.astype(np.float64), means])


def _scores(sums: Array) -> dict[str, Array]:
    """The scores of sums over images, [..., columns], each [...]."""
    counts = np.rint(sums[..., : 2 * MAX_ORDER + 2]).astype(np.int64)
    bleu = BleuStatistics(
        counts[..., :MAX_ORDER], counts[..., MAX_ORDER : 2 * MAX_ORDER], counts[..., -2], counts[..., -1]
    )
    rouge, cider, num_images = np.moveaxis(sums[..., -3:], -1, 0)
    figures: dict[str, Array] = {}
    for suffix, brevity_penalty in (("", True), ("_no_bp", False)):
        scores = bleu_scores(bleu, brevity_penalty)
        figures |= {f"bleu{order}{suffix}": scores[..., order - 1] for order in range(1, MAX_ORDER + 1)}
    return figures | {"rouge_l": rouge / num_images, "cider_d": cider / num_images}


def _differences(first: Array, second: Array) -> dict[str, Array]:
    other = _scores(second)
    return {name: figure - other[name] for name, figure in _scores(first).items()}


def _interval(values: Array) -> Interval:
    return Interval(*np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist())


def _parts(num_images: int, num_draws: int) -> Iterator[int]:
    """Numbers of draws, so many at once that memory is bounded."""
    at_once = max(1, _DRAWS_AT_ONCE // num_images)
    yield from (min(at_once, num_draws - start) for start in range(0, num_draws, at_once))


def _drawn(num_images: int, num_draws: int) -> Iterator[Array]:
    """How often each image is in each draw, the same draws at every call."""
    random = np.random.default_rng(SEED)
    for part in _parts(num_images, num_draws):
        places = random.integers(num_images, size=(part, num_images)) + num_images * np.arange(part)[:, None]
        times = np.bincount(places.ravel(), minlength=part * num_images)
        yield times.reshape(part, num_images).astype(np.float64)


def _swaps(num_images: int, num_draws: int) -> Iterator[Array]:
    """1 where an image's captions change sides, else 0."""
    random = np.random.default_rng(SEED)
    for part in _parts(num_images, num_draws):
        yield random.integers(2, size=(part, num_images), dtype=np.uint8).astype(np.float64)
