"""Numbers in words, read back by rules of their own."""

import itertools
import random

import pytest
from reading import read

from captioner.pairs.numbers import PLAIN, NumberStyle, in_hundreds, in_words, ordinal_in_words, year_in_words

STYLES = [NumberStyle(*switches) for switches in itertools.product((False, True), repeat=4)]


@pytest.mark.parametrize("style", STYLES)
def test_every_number_is_read_back(style):
    some = random.Random(1).sample(range(10_000, 1_000_000), 500)
    for number in (*range(2_200), *some, 10_000, 100_000, 999_999):
        assert read(in_words(number, style)) == number
    for number in range(1_100, 10_000):
        if number // 100 % 10:
            assert read(in_hundreds(number, style)) == number


def test_two_numbers_are_never_written_alike():
    for style in STYLES:
        assert len({in_words(number, style) for number in range(20_000)}) == 20_000


@pytest.mark.parametrize("style", STYLES)
def test_years_are_read_in_two_halves(style):
    for year in range(1100, 3000):
        words = year_in_words(year, style)
        if "thousand" in words or "hundred" in words:
            assert read(words) == year
            continue
        halves = words.replace("-", " ").split()
        found = {100 * read(" ".join(halves[:k])) + read(" ".join(halves[k:])) for k in range(1, len(halves))}
        assert year in found
        assert not words.startswith("zero")


@pytest.mark.parametrize(
    ("number", "style", "words"),
    [
        (0, PLAIN, "zero"),
        (21_004, PLAIN, "twenty-one thousand and four"),
        (345, PLAIN, "three hundred and forty-five"),
        (345, NumberStyle(has_and=False, has_hyphens=False), "three hundred forty five"),
        (700_300, PLAIN, "seven hundred thousand three hundred"),
        (700_300, NumberStyle(has_commas=True), "seven hundred thousand, three hundred"),
        (1_001, NumberStyle(has_article=True), "a thousand and one"),
        (101_100, NumberStyle(has_article=True), "a hundred and one thousand one hundred"),
        (1, NumberStyle(has_article=True), "one"),
    ],
)
def test_known_numbers(number, style, words):
    assert in_words(number, style) == words


@pytest.mark.parametrize(
    ("year", "words"),
    [
        (1066, "ten sixty-six"),
        (1900, "nineteen hundred"),
        (1905, "nineteen oh five"),
        (1998, "nineteen ninety-eight"),
        (2000, "two thousand"),
        (2007, "two thousand and seven"),
        (2010, "twenty ten"),
        (2100, "twenty-one hundred"),
    ],
)
def test_known_years(year, words):
    assert year_in_words(year) == words


def test_ordinals():
    written = [ordinal_in_words(number) for number in range(1, 32)]
    first = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth"
    assert " ".join(written[:13]) == first
    assert written[13:20] == [f"{in_words(n)}th" for n in range(14, 20)] + ["twentieth"]
    assert written[20:29] == [f"twenty-{one}" for one in written[:9]]
    assert written[29:] == ["thirtieth", "thirty-first"]
    assert ordinal_in_words(22, NumberStyle(has_hyphens=False)) == "twenty second"
