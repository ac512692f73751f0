"""How probable a model finds a text: nats and bits a symbol, perplexity, and how sure that is.

N streams, T characters of a chunk.
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
    """The mean surprise -log p of a text's symbols, in nats."""

    nats: float
    interval: Interval
    num_symbols: int

    @property
    def bits(self) -> float:
        """Bits a symbol."""
        return self.nats / math.log(2)

    @property
    def perplexity(self) -> float:
        """Among how many equally likely symbols the model seems to choose."""
        return math.exp(self.nats)


def likelihood(nats: Array, num_draws: int = NUM_DRAWS, block: int = BLOCK) -> Likelihood:
    """The mean of each symbol's surprise, in text order, with a block bootstrap interval (Kuensch, 1989).

    Neighbours are surprising together, so blocks of them are drawn with replacement: `block` symbols, or a
    multiple of that where it made over 2,000 blocks.

    Raises:
        ValueError: there is no symbol.
    """
    if not len(nats):
        raise ValueError("a text without symbols has no likelihood")
    size = block * -(-len(nats) // (block * MAX_BLOCKS))
    starts = np.arange(0, len(nats), size)
    sums = np.add.reduceat(nats, starts)
    counts = np.diff([*starts, len(nats)])
    random = np.random.default_rng(SEED)
    times_RN = random.multinomial(len(starts), np.full(len(starts), 1 / len(starts)), size=num_draws)
    means = (times_RN @ sums) / (times_RN @ counts)
    edge = (1 - LEVEL) / 2
    return Likelihood(float(nats.mean()), Interval(*np.quantile(means, [edge, 1 - edge]).tolist()), len(nats))


def stack_chunks(chunks: Sequence[Array]) -> Array:
    """nats_NT of chunks of streams below each other, NaN where one is shorter than the longest."""
    stacked = np.full((sum(map(len, chunks)), max(chunk.shape[1] for chunk in chunks)), np.nan)
    row = 0
    for chunk in chunks:
        stacked[row : row + len(chunk), : chunk.shape[1]] = chunk
        row += len(chunk)
    return stacked


def by_distance(nats_NT: Array) -> dict[int, float]:
    """The mean surprise of the symbols 1, 2-3, 4-7, 8-15 ... characters after the start; NaN is left out."""
    figures = {}
    start = 1
    while start <= nats_NT.shape[1]:
        seen = nats_NT[:, start - 1 : 2 * start - 1]
        seen = seen[~np.isnan(seen)]
        if len(seen):
            figures[start] = float(seen.mean())
        start *= 2
    return figures
