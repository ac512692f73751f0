"""N-gram language models of characters, a baseline for recurrent ones.

K orders, T characters of a text, M different n-grams of one order, C their contexts: the n-grams one shorter.
V is the number of symbols.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


class _NGrams(NamedTuple):
    """The n-grams of one order, by increasing key.

    A key is the index of the context among the n-grams one shorter (0 where the context is empty), times V,
    plus the last character. So an n-gram of any length is one integer, and is found by bisection.
    """

    keys_M: Ints
    contexts_M: Ints
    num_contexts: int
    counts_M: Ints  # how often it occurs
    continuations_M: Ints  # how many different characters precede it; not counted for the highest order


class _Estimate(NamedTuple):
    """p(w | h) = discounted probability of hw + backoff weight of h * p(w | h')."""

    discounted_M: Array
    backoff_C: Array


class NGramModel:
    r"""N-gram models with interpolated modified Kneser-Ney smoothing, of every order up to a highest one.

        p_k(w | h) = (c(hw) - D(c(hw))) / c(h) + sum_v D(c(hv)) / c(h) * q_{k-1}(w | h')
        D(c)       = 0, D_1, D_2, D_3 for a count of 0, 1, 2, 3 or more
        D_i        = i - (i + 1) n_1 / (n_1 + 2 n_2) n_{i+1} / n_i

    n_i is the number of n-grams with the count i, c(h) = sum_v c(hv), h' is h without its first character.
    The count of an n-gram is how often it occurs for p_k, and for q_k how many different characters precede
    it (its continuation count); q_0 = 1 / V. After a context h without counts, both are q_{k-1}. If n_1, n_2,
    n_3 or n_4 is 0, or a D_i would not be positive, D_i = i / 2 for all i.

    Args:
        text: the training text, integers from 0 to V - 1.
        num_symbols: V.
        order: of the longest n-grams, 1 for single characters.

    Raises:
        ValueError: the text is shorter than `order`.

    Source:
        Chen and Goodman (1998), An Empirical Study of Smoothing Techniques for Language Modeling, section 3.
    """

    def __init__(self, text: Ints, num_symbols: int, order: int) -> None:
        if not 1 <= order <= len(text):
            raise ValueError(f"a text of {len(text)} characters has no n-grams of order {order}")
        self.num_symbols = num_symbols
        levels = _count(text, num_symbols, order)
        self._keys = [level.keys_M for level in levels]
        self._highest = [_estimate(level.counts_M, level) for level in levels]
        self._lower = [_estimate(level.continuations_M, level) for level in levels[:-1]]

    def nll(self, text: Ints) -> Array:
        """Return nats_KT, -log p of every character given all before it, by the model of each order."""
        q_T = np.full(len(text), 1 / self.num_symbols)
        ids_T = np.zeros(len(text), np.int64)  # of the n-gram that ends here, -1 for an unseen one
        rows = []
        for k, keys_M in enumerate(self._keys):
            contexts_T = np.concatenate([[-1 if k else 0], ids_T[:-1]])
            ids_T = _find(keys_M, contexts_T * self.num_symbols + text)
            rows.append(_interpolate(self._highest[k], contexts_T, ids_T, q_T))
            if k < len(self._lower):
                q_T = _interpolate(self._lower[k], contexts_T, ids_T, q_T)
        return -np.log(rows)


def _count(text: Ints, num_symbols: int, order: int) -> list[_NGrams]:
    """Count the n-grams of each order, with one sort of all positions for each."""
    levels: list[_NGrams] = []
    ids_T = np.zeros(len(text), np.int64)  # of the n-gram that begins here
    for k in range(order):
        keys_T = ids_T[: len(text) - k] * num_symbols + text[k:]
        keys_M, first_M, longer_T, counts_M = np.unique(
            keys_T, return_index=True, return_inverse=True, return_counts=True
        )
        if levels:
            continuations_M = np.bincount(ids_T[first_M + 1], minlength=len(levels[-1].keys_M))
            levels[-1] = levels[-1]._replace(continuations_M=continuations_M)
        num_contexts = len(levels[-1].keys_M) if levels else 1
        levels.append(_NGrams(keys_M, keys_M // num_symbols, num_contexts, counts_M, np.zeros_like(counts_M)))
        ids_T = longer_T
    return levels


def _estimate(counts_M: Ints, ngrams: _NGrams) -> _Estimate:
    contexts_M, num_contexts = ngrams.contexts_M, ngrams.num_contexts
    discounts_M = _discounts(counts_M)[np.minimum(counts_M, 3)]
    totals_C = np.bincount(contexts_M, counts_M, num_contexts)
    discounts_C = np.where(totals_C > 0, np.bincount(contexts_M, discounts_M, num_contexts), 1.0)
    totals_C = np.maximum(totals_C, 1)
    return _Estimate((counts_M - discounts_M) / totals_C[contexts_M], discounts_C / totals_C)


def _discounts(counts_M: Ints) -> Array:
    """Return 0, D_1, D_2, D_3."""
    n = np.bincount(np.minimum(counts_M, 5), minlength=5)[:5]
    i = np.arange(1, 4)
    if n[1:].all():
        estimated = i - (i + 1) * n[1] / (n[1] + 2 * n[2]) * n[2:] / n[1:4]
        if estimated.min() > 0:
            return np.array([0, *estimated])
    return np.array([0, *i / 2])


def _find(keys_M: Ints, queries_T: Ints) -> Ints:
    """Return the index of each query among the keys, -1 for none."""
    indices_T = np.searchsorted(keys_M, queries_T).clip(max=len(keys_M) - 1)
    return np.where(keys_M[indices_T] == queries_T, indices_T, -1)


def _interpolate(estimate: _Estimate, contexts_T: Ints, ids_T: Ints, lower_T: Array) -> Array:
    """Compute the probability of each character from its n-gram, its context and q_{k-1}, the lower order."""
    discounted_T = np.where(ids_T >= 0, estimate.discounted_M[ids_T], 0.0)
    backoff_T = np.where(contexts_T >= 0, estimate.backoff_C[contexts_T], 1.0)
    return discounted_T + backoff_T * lower_T
