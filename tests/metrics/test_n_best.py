"""Lists of captions: the oracle by trying every choice with the official scorers, distinct-n by hand."""

import random
from itertools import accumulate, product

import pytest
from pycocoevalcap.cider.cider import Cider
from test_published_values import official

from captioner.metrics.bleu import bleu, sentence_bleu
from captioner.metrics.cider_d import cider_d
from captioner.metrics.diversity import distinct_in_lists
from captioner.metrics.n_best import n_best_scores


def lists(seed, num_images=3, longest=7):
    """Captions and references of images; the lists are of different lengths."""
    rng = random.Random(seed)

    def sentence():
        return rng.choices(["a", "dog", "cat", "runs", "on", "grass"], k=rng.randint(3, 9))

    said = [[sentence() for _ in range(rng.randint(1, longest))] for _ in range(num_images)]
    return said, [[sentence() for _ in range(rng.randint(1, 4))] for _ in range(num_images)]


@pytest.mark.parametrize("seed", range(8))
def test_the_oracle_is_the_best_of_all_ways_to_pick(seed):
    said, references = lists(seed)
    found = n_best_scores(said, references, 7)
    assert sorted(found) == [1, 5, 7]
    for size, figures in found.items():
        every = product(*(captions[:size] for captions in said))
        best = max(official(Cider(), one, references)[0] for one in every)
        assert figures["cider_d"] == pytest.approx(best, abs=1e-12)
        picked = [
            max(captions[:size], key=lambda one, group=group: sentence_bleu(one, group).bleu4)
            for captions, group in zip(said, references, strict=True)
        ]
        assert figures["bleu4"] == pytest.approx(bleu(picked, references).bleu4, rel=1e-9)


def test_of_the_first_alone_the_figures_are_those_reported():
    said, references = lists(3, num_images=20, longest=30)
    found = n_best_scores(said, references, 25)
    first = [captions[0] for captions in said]
    assert list(found) == [1, 5, 10, 20, 25]
    assert found[1]["bleu4"] == bleu(first, references).bleu4
    assert found[1]["cider_d"] == pytest.approx(cider_d(first, references).score)
    for name in ("bleu4", "cider_d"):
        values = [figures[name] for figures in found.values()]
        assert values == list(accumulate(values, max))
        assert len(set(values)) > 3
    assert list(n_best_scores(said, references, 2)) == [1, 2]


def test_distinct_ngrams_by_hand():
    """a dog runs / a dog / a: 3 words of 6, 2 pairs; b b b b b: 1 of each order, over 5; nothing."""
    captions = [[["a", "dog", "runs"], ["a", "dog"], ["a"]], [["b"] * 5], [[]]]
    expected = [(3 / 6 + 1 / 5) / 3, (2 / 6 + 1 / 5) / 3, (1 / 6 + 1 / 5) / 3, (1 / 5) / 3]
    assert distinct_in_lists(captions) == pytest.approx(expected)
    found = n_best_scores(captions, [[["a", "dog"]], [["b"]], [["c"]]], 3)
    assert [found[3][f"distinct{n}"] for n in range(1, 5)] == pytest.approx(expected)
    assert found[1]["distinct1"] == pytest.approx((3 / 3 + 1 / 5) / 3)


@pytest.mark.parametrize("seed", range(4))
def test_distinct_ngrams_are_those_of_sets(seed):
    said, _ = lists(seed, num_images=9)
    for order, figure in enumerate(distinct_in_lists(said), start=1):
        shares = [
            len({tuple(c[i : i + order]) for c in captions for i in range(len(c) - order + 1)})
            / sum(map(len, captions))
            for captions in said
        ]
        assert figure == pytest.approx(sum(shares) / len(shares))
