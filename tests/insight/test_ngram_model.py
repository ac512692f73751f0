"""N-gram models against counting by hand, against nltk, and as probability distributions."""

from collections import Counter

import numpy as np
import pytest
from nltk.lm import KneserNeyInterpolated

from captioner.insight import ngram_model
from captioner.insight.ngram_model import NGramModel

V, ORDER = 7, 4


def made_up(seed, length=400):
    """A text with a structure; of the last symbols one is its beginning alone, one its end, one not in it."""
    random = np.random.default_rng(seed)
    inside = V - 3
    table = random.dirichlet(np.full(inside, 0.4), size=inside)
    first, last = (V - 3, V - 2) if seed % 2 else (V - 2, V - 3)
    numbers = [first, 0]
    while len(numbers) < length - 1:
        numbers.append(int(random.choice(inside, p=table[numbers[-1]])))
    return np.array([*numbers, last])


class ByHand:
    """Chen and Goodman's equations over dictionaries of tuples."""

    def __init__(self, text, order):
        grams = [[tuple(text[i : i + k]) for i in range(len(text) - k + 1)] for k in range(order + 2)]
        before = [Counter(gram[1:] for gram in set(longer)) for longer in grams[1:]]
        self.counts = [*before[:order], Counter(grams[order])]
        for k in range(order):
            self.counts[k] |= {gram: before[k][gram] for gram in grams[k]}

    def p(self, symbol, history, k):
        """Of the highest order where k is that."""
        if k == 0:
            return 1 / V
        shorter = self.p(symbol, history, k - 1)
        context = history[len(history) - (k - 1) :] if len(history) >= k - 1 else None
        follow = {gram[-1]: n for gram, n in self.counts[k].items() if gram[:-1] == context}
        if not sum(follow.values()):
            return shorter
        taken = {w: self.discount(self.counts[k], n) for w, n in follow.items()}
        own = follow.get(symbol, 0) - taken.get(symbol, 0)
        return (own + sum(taken.values()) * shorter) / sum(follow.values())

    @staticmethod
    def discount(counts, n):
        has = Counter(counts.values())
        y = has[1] / (has[1] + 2 * has[2]) if has[1] else 0
        if all(has[i] for i in (1, 2, 3, 4)):
            found = {i: i - (i + 1) * y * has[i + 1] / has[i] for i in (1, 2, 3)}
            if min(found.values()) > 0:
                return found.get(min(n, 3), 0)
        return min(n, 3) / 2


@pytest.mark.parametrize("seed", range(3))
def test_every_order_is_what_counting_by_hand_gives(seed):
    text, other = made_up(seed), made_up(seed + 50, 60)
    other = np.array([*other[:30], V - 1, *other[30:], 0, 1])  # unseen symbols and contexts in the middle
    found = NGramModel(text, V, ORDER).nll(other)
    assert found.shape == (ORDER, len(other))
    for k in range(1, ORDER + 1):
        referee = ByHand(text.tolist(), k)
        numbers = tuple(other.tolist())
        expected = [-np.log(referee.p(numbers[t], numbers[:t], k)) for t in range(len(numbers))]
        np.testing.assert_allclose(found[k - 1], expected, rtol=1e-10)


def test_discounts_are_estimated_where_there_is_enough_to_count():
    """Otherwise the test above would only ever see the fallback."""
    texts = [made_up(seed) for seed in range(3)]
    counts = [Counter(zip(text, text[1:], text[2:], strict=False)).values() for text in texts]
    assert any(all(n in c for n in (1, 2, 3, 4)) for c in counts)
    np.testing.assert_allclose(
        ngram_model._discounts(np.repeat([1, 2, 3, 4, 9], [50, 20, 10, 6, 3])),
        [0, 1 - 2 * 5 / 9 * 20 / 50, 2 - 3 * 5 / 9 * 10 / 20, 3 - 4 * 5 / 9 * 6 / 10],
    )
    np.testing.assert_allclose(ngram_model._discounts(np.array([1, 1, 2, 7])), [0, 0.5, 1, 1.5])
    rising = np.repeat([1, 2, 3, 4], [5, 6, 7, 90])  # D_3 would be -12
    np.testing.assert_allclose(ngram_model._discounts(rising), [0, 0.5, 1, 1.5])


@pytest.mark.parametrize("seed", range(3))
def test_probabilities_of_all_symbols_sum_to_one(seed):
    model = NGramModel(made_up(seed), V, ORDER)
    random = np.random.default_rng(seed)
    for _ in range(30):
        context = random.integers(V, size=random.integers(6))
        each = [np.exp(-model.nll(np.array([*context, w]))[:, -1]) for w in range(V)]
        assert np.min(each) > 0
        np.testing.assert_allclose(np.sum(each, axis=0), 1.0, rtol=1e-12)


def test_after_an_unseen_context_a_higher_order_model_backs_off():
    model = NGramModel(made_up(0), V, ORDER)
    longer, shorter = model.nll(np.array([V - 1, 0, 2]))[:, -1][[3, 2]]
    assert longer == pytest.approx(shorter, rel=1e-12)


def test_with_one_fixed_discount_it_is_nltks_kneser_ney(monkeypatch):
    """nltk's words are a text without an unseen symbol; its unigrams are not interpolated."""
    text = made_up(4)[1:-1]
    text = np.array([*text, *text[:2]])  # every n-gram but the first has something before it, after it

    def fixed(counts_M):
        return np.zeros(4) if len(counts_M) <= V else np.array([0, 0.3, 0.3, 0.3])

    monkeypatch.setattr(ngram_model, "_discounts", fixed)
    ours = NGramModel(text, V, 3)
    words = [str(n) for n in text]
    theirs = KneserNeyInterpolated(order=3, discount=0.3)
    grams = [[tuple(words[i : i + k]) for i in range(len(words) - k + 1)] for k in (1, 2, 3)]
    theirs.fit(grams, vocabulary_text=words)
    found = ours.nll(text[100:160])[2, 2:]
    expected = [-np.log(theirs.score(words[t], words[t - 2 : t])) for t in range(102, 160)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_more_orders_than_a_text_has_are_refused():
    with pytest.raises(ValueError, match="a text of 3 characters has no n-grams of order 4"):
        NGramModel(np.array([0, 1, 2]), 3, 4)
