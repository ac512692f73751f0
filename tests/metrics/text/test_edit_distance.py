"""Exact matches and edits against nltk, and against all ways to edit."""

import random
from functools import cache

import pytest
from nltk.metrics import edit_distance as nltk_edit_distance

from captioner.metrics.text.edit_distance import edit_distance, matches


def pairs(number, alphabet="abc", longest=9):
    rng = random.Random(7)
    return [
        tuple("".join(rng.choices(alphabet, k=rng.randint(0, longest))) for _ in range(2))
        for _ in range(number)
    ]


def tried(one, other):
    """The least of all ways to edit, tried one by one."""

    @cache
    def least(i, j):
        if i == len(one) or j == len(other):
            return len(one) - i + len(other) - j
        return min(1 + least(i + 1, j), 1 + least(i, j + 1), (one[i] != other[j]) + least(i + 1, j + 1))

    return least(0, 0)


def test_edits_are_those_of_nltk_and_of_trying_all():
    for one, other in pairs(300):
        assert edit_distance(one, other) == nltk_edit_distance(one, other) == tried(one, other)
        assert edit_distance(one, one) == 0
    assert edit_distance(["a", "red", "dog"], ["red", "cat"]) == 2


def test_shares_are_over_all_pairs_and_all_symbols():
    found = matches([("kitten", "sitting"), ("same", "same"), ("", "xyz")])
    assert found == (3, pytest.approx(1 / 3), pytest.approx((3 + 0 + 3) / 14))
    assert matches([]) == (0, 0.0, 0.0)
    assert matches([(["a"], ("a",))]).exact == 1, "a list equals a tuple of the same symbols"
