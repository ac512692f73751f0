"""Diversity by its definitions, self-BLEU against nltk."""

import random

import pytest
from nltk.translate.bleu_score import sentence_bleu

from captioner.metrics.diversity import diversity, novel_share, self_bleu


def test_counts():
    captions = [["a", "dog"], ["a", "dog"], ["a", "cat", "and", "a", "dog"], []]
    measured = diversity(captions)
    assert measured == (3 / 4, 4, 9 / 4, 4 / 9, 4 / 6, 3 / 3, 2 / 2)
    assert (measured.distinct_captions, measured.vocabulary_size, measured.mean_length) == (0.75, 4, 2.25)
    assert (measured.distinct1, measured.distinct2) == (4 / 9, 4 / 6)
    assert diversity([]) == (0, 0, 0, 0, 0, 0, 0)


def test_longer_ngrams_are_counted_over_all_captions():
    captions = [list("abcde"), list("abcdf"), list("xbcde")]
    assert diversity(captions)[5:] == (5 / 9, 4 / 6)


@pytest.mark.parametrize("seed", range(12))
def test_self_bleu_equals_nltk(seed):
    rng = random.Random(seed)
    # Every caption has n-grams in common with another: nltk warns of orders without a match.
    captions = [[*rng.choices("abc", k=rng.randint(0, 9)), *"wxyz"] for _ in range(rng.randint(2, 14))]
    alone = [captions[:i] + captions[i + 1 :] for i in range(len(captions))]
    expected = [sentence_bleu(rest, caption) for caption, rest in zip(captions, alone, strict=True)]
    assert self_bleu(captions) == pytest.approx(sum(expected) / len(expected), abs=1e-8)


def test_self_bleu_at_its_ends():
    assert self_bleu([list("abcde")] * 3) == pytest.approx(1)
    assert self_bleu([list("abcde"), list("fghij")]) < 1e-6
    assert self_bleu([list("abcde")]) == self_bleu([]) == 0
    assert self_bleu([[], []]) < 1e-6


def test_novel_captions():
    training = [["a", "dog"], ("two", "cats"), ["a", "dog", "runs"]]
    captions = [["a", "dog"], ["a", "dog", "barks"], ["two", "cats"], ["cats", "two"], ["a"]]
    assert novel_share(captions, iter(training)) == 3 / 5
    assert novel_share([], training) == 0
