"""What counting alone predicts: n-gram models of characters, a measure for recurrent ones.

K orders, T characters of a text, M different n-grams of one order, C their contexts: the n-grams one shorter.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


class _NGrams(NamedTuple):
    """The n-grams of one order, by increasing key.

    A key is the place of the context among the n-grams one shorter (0 where that is empty), times V, plus the
    last character: so an n-gram of any length is one number, and is found by bisection.
    """

    keys_M: Ints
    contexts_M: Ints
    num_contexts: int
    times_M: Ints  # how often it occurs
    before_M: Ints  # how many different characters come before it; none are counted for the highest order


class _Estimate(NamedTuple):
    """p(w | h) = gain of hw + rest of h * p(w | h')."""

    gain_M: Array
    rest_C: Array


class NGramModel:
    r"""Interpolated modified Kneser-Ney smoothing (Chen and Goodman, 1998), of every order up to one.

        p_k(w | h) = (c(hw) - D(c(hw))) / c(h) + sum_v D(c(hv)) / c(h) * q_{k-1}(w | h')
        D(c)       = 0, D_1, D_2, D_3 for a count of 0, 1, 2, 3 or more
        D_i        = i - (i + 1) n_1 / (n_1 + 2 n_2) n_{i+1} / n_i

    n_i n-grams have the count i, c(h) = sum_v c(hv), h' is h without its first character. For p_k the count
    of an n-gram is how often it occurs; q_k is the same with how many different characters come before it,
    and q_0 = 1 / V. After an h without counts, both are q_{k-1}. Where n_1, n_2, n_3 or n_4 is 0 or a D_i
    would not be positive, all of them are i / 2.

    Args:
        text: numbers from 0 to V - 1.
        num_symbols: V.
        order: of the longest n-grams, 1 for single characters.

    Raises:
        ValueError: the text is shorter than `order`.
    """

    def __init__(self, text: Ints, num_symbols: int, order: int) -> None:
        if not 1 <= order <= len(text):
            raise ValueError(f"a text of {len(text)} characters has no n-grams of order {order}")
        self.num_symbols = num_symbols
        levels = _counted(text, num_symbols, order)
        self._keys = [level.keys_M for level in levels]
        self._own = [_estimate(level.times_M, level) for level in levels]
        self._below = [_estimate(level.before_M, level) for level in levels[:-1]]

    def nll(self, text: Ints) -> Array:
        """nats_KT: -log p of every character by the model of each order, with all before it in view."""
        q_T = np.full(len(text), 1 / self.num_symbols)
        ids_T = np.zeros(len(text), np.int64)  # of the n-gram that ends here, -1 for one never seen
        rows = []
        for k, keys_M in enumerate(self._keys):
            contexts_T = np.concatenate([[-1 if k else 0], ids_T[:-1]])
            ids_T = _find(keys_M, contexts_T * self.num_symbols + text)
            rows.append(_interpolated(self._own[k], contexts_T, ids_T, q_T))
            if k < len(self._below):
                q_T = _interpolated(self._below[k], contexts_T, ids_T, q_T)
        return -np.log(rows)


def _counted(text: Ints, num_symbols: int, order: int) -> list[_NGrams]:
    """The n-grams of each order, with one sort of all places for each."""
    levels: list[_NGrams] = []
    ids_T = np.zeros(len(text), np.int64)  # of the n-gram that begins here
    for k in range(order):
        keys_T = ids_T[: len(text) - k] * num_symbols + text[k:]
        keys_M, first_M, longer_T, times_M = np.unique(
            keys_T, return_index=True, return_inverse=True, return_counts=True
        )
        if levels:
            before_M = np.bincount(ids_T[first_M + 1], minlength=len(levels[-1].keys_M))
            levels[-1] = levels[-1]._replace(before_M=before_M)
        num_contexts = len(levels[-1].keys_M) if levels else 1
        levels.append(
            _NGrams(keys_M, keys_M // num_symbols, num_contexts, times_M, before_M=np.zeros_like(times_M))
        )
        ids_T = longer_T
    return levels


def _estimate(counts_M: Ints, ngrams: _NGrams) -> _Estimate:
    contexts_M, num_contexts = ngrams.contexts_M, ngrams.num_contexts
    taken_M = _discounts(counts_M)[np.minimum(counts_M, 3)]
    totals_C = np.bincount(contexts_M, counts_M, num_contexts)
    taken_C = np.where(totals_C > 0, np.bincount(contexts_M, taken_M, num_contexts), 1.0)
    totals_C = np.maximum(totals_C, 1)
    return _Estimate((counts_M - taken_M) / totals_C[contexts_M], taken_C / totals_C)


def _discounts(counts_M: Ints) -> Array:
    """0, D_1, D_2, D_3."""
    n = np.bincount(np.minimum(counts_M, 5), minlength=5)[:5]
    i = np.arange(1, 4)
    if n[1:].all():
        found = i - (i + 1) * n[1] / (n[1] + 2 * n[2]) * n[2:] / n[1:4]
        if found.min() > 0:
            return np.array([0, *found])
    return np.array([0, *i / 2])


def _find(keys_M: Ints, wanted_T: Ints) -> Ints:
    """Where each key lies, -1 for none."""
    places_T = np.searchsorted(keys_M, wanted_T).clip(max=len(keys_M) - 1)
    return np.where(keys_M[places_T] == wanted_T, places_T, -1)


def _interpolated(estimate: _Estimate, contexts_T: Ints, ids_T: Ints, shorter_T: Array) -> Array:
    """The probability of each character, by its n-gram and context if they were seen and the shorter one."""
    gain_T = np.where(ids_T >= 0, estimate.gain_M[ids_T], 0.0)
    rest_T = np.where(contexts_T >= 0, estimate.rest_C[contexts_T], 1.0)
    return gain_T + rest_T * shorter_T
