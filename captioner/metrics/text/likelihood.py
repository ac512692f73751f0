"""Negative log-likelihood (nll) of a text in nats and bits a symbol, perplexity, and a bootstrap interval.

S symbols of a text, N streams, T characters of a chunk, R draws of K blocks.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from captioner.metrics.significance import LEVEL, NUM_DRAWS, SEED, Interval

Array = NDArray[np.float64]
BLOCK, MAX_BLOCKS = 200, 2000


class Likelihood(NamedTuple):
    """The mean nll, -log p, of a text's symbols.

    Attributes:
        nats: a symbol.
        interval: of the nats.
        num_symbols: of the text.
    """

    nats: float
    interval: Interval
    num_symbols: int

    @property
    def bits(self) -> float:
        """Return the nll in bits a symbol."""
        return self.nats / math.log(2)

    @property
    def perplexity(self) -> float:
        """Return the exponential of the nll in nats."""
        return math.exp(self.nats)


def likelihood(nll_S: Array, num_draws: int = NUM_DRAWS, block: int = BLOCK) -> Likelihood:
    """Compute the mean nll of a text's symbols with a block bootstrap interval.

    The nll of neighbours is correlated, so blocks of symbols are drawn with replacement.

    Args:
        nll_S: of each symbol in nats, in text order, [S].
        num_draws: resamples.
        block: symbols of a block; a multiple of that where the text has over 2,000 blocks.

    Returns:
        The mean and its interval.

    Raises:
        ValueError: there is no symbol.

    Source: Kuensch (1989).
    """
    if not len(nll_S):
        raise ValueError("a text without symbols has no likelihood")
    size = block * -(-len(nll_S) // (block * MAX_BLOCKS))
    starts = np.arange(0, len(nll_S), size)
    sums = np.add.reduceat(nll_S, starts)
    counts = np.diff([*starts, len(nll_S)])
    random = np.random.default_rng(SEED)
    times_RK = random.multinomial(len(starts), np.full(len(starts), 1 / len(starts)), size=num_draws)
    means_R = (times_RK @ sums) / (times_RK @ counts)
    edge = (1 - LEVEL) / 2
    interval = Interval(*np.quantile(means_R, [edge, 1 - edge]).tolist())
    return Likelihood(float(nll_S.mean()), interval, len(nll_S))


def stack_chunks(chunks: Sequence[Array]) -> Array:
    """Stack nll_NT of chunks of streams to one array; NaN where one is shorter than the longest."""
    stacked = np.full((sum(map(len, chunks)), max(chunk.shape[1] for chunk in chunks)), np.nan)
    row = 0
    for chunk in chunks:
        stacked[row : row + len(chunk), : chunk.shape[1]] = chunk
        row += len(chunk)
    return stacked


def by_distance(nll_NT: Array) -> dict[int, float]:
    """Compute the mean nll of the symbols 1, 2-3, 4-7, 8-15 ... characters after the start, without NaN."""
    figures = {}
    start = 1
    while start <= nll_NT.shape[1]:
        nll = nll_NT[:, start - 1 : 2 * start - 1]
        nll = nll[~np.isnan(nll)]
        if len(nll):
            figures[start] = float(nll.mean())
        start *= 2
    return figures
