"""N-grams counted by sorting against n-grams counted one by one."""

import random
from collections import Counter

import numpy as np
import pytest

from captioner.metrics.ngrams import as_integers, count_ngrams, encode


def sentences(seed, most=40):
    rng = random.Random(seed)
    words = [f"w{i}" for i in range(rng.randint(1, 7))]
    return [rng.choices(words, k=rng.randint(0, 9)) for _ in range(rng.randint(1, most))]


def counted_one_by_one(texts, order):
    """Times of each n-gram in each sentence."""
    grams = [(i, tuple(text[j : j + order])) for i, text in enumerate(texts) for j in range(len(text))]
    return Counter((i, gram) for i, gram in grams if len(gram) == order)


def spelled(ngrams, vocabulary):
    """The words of each n-gram, an order at a time, from nothing but the keys."""
    words, found = list(vocabulary), [[()]]
    for grams in ngrams:
        found.append(
            [(*found[-1][key // len(words)], words[key % len(words)]) for key in grams.keys.tolist()]
        )
    return found[1:]


@pytest.mark.parametrize("seed", range(20))
def test_counts_and_keys(seed):
    texts = sentences(seed)
    vocabulary, words, lengths = as_integers(texts)
    ngrams = count_ngrams(words, lengths, len(vocabulary))
    for order, (grams, spelling) in enumerate(zip(ngrams, spelled(ngrams, vocabulary), strict=True), 1):
        rows = zip(grams.sentence.tolist(), grams.gram.tolist(), grams.counts.tolist(), strict=True)
        assert {(i, spelling[gram]): times for i, gram, times in rows} == counted_one_by_one(texts, order)
        assert len(set(spelling)) == len(spelling)
        assert (np.diff(grams.keys) > 0).all()
        assert (np.diff(grams.gram * len(texts) + grams.sentence) > 0).all()


def test_keys_too_large_to_carry_their_place_are_sorted_alike():
    rng = random.Random(8)
    vocabulary, words, lengths = as_integers([rng.choices("abc", k=9) for _ in range(40)])
    small, large = count_ngrams(words, lengths, len(vocabulary)), count_ngrams(words, lengths, 1 << 57)
    assert len(large[2].keys) == 27  # so the keys of order 4 just fit
    for one, other in zip(small, large, strict=True):
        for name in ("gram", "sentence", "counts"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("seed", range(5))
def test_what_candidate_and_reference_have_in_common(seed):
    texts = sentences(seed)
    groups = [texts[i + 1 : i + 4] for i in range(0, len(texts) - 1, 4)]
    candidates = texts[: len(texts) - 1 : 4]
    corpus = encode(candidates, groups)
    for order in range(4):
        grams, said, truth = (
            corpus.ngrams[order],
            corpus.candidate_entries[order],
            corpus.reference_entries[order],
        )
        assert (grams.gram[said] == grams.gram[truth]).all()
        assert (grams.sentence[said] == corpus.candidate[corpus.image[grams.sentence[truth]]]).all()
        expected = sum(
            len(counted_one_by_one([one], order + 1).keys() & counted_one_by_one([other], order + 1).keys())
            for one, group in zip(candidates, groups, strict=True)
            for other in group
        )
        assert len(truth) == len(set(truth.tolist())) == expected


def test_what_does_not_match_is_refused():
    with pytest.raises(ValueError, match="image 1 has no reference"):
        encode([["a"], ["b"]], [[["a"]], []])
    with pytest.raises(ValueError, match="longer"):
        encode([["a"]], [[["a"]], [["b"]]])
