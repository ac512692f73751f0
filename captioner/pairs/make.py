"""Pairs to translate that need no file: numbers in words and in figures, dates as written and by ISO 8601.

    words_to_number    twenty-one thousand and four     21004
    number_to_words    21004                            twenty-one thousand and four
    date_to_iso        the fifth of March 1998          1998-03-05
    iso_to_date        1998-03-05                       5 March 1998

Many forms lead to one: what is to be said follows from the source alone.
"""

from collections.abc import Callable, Iterator
from datetime import date
from random import Random
from typing import NamedTuple

from captioner.pairs.dates import FIRST, FORMS, LAST, written
from captioner.pairs.numbers import LIMIT, Style, in_hundreds, in_words, year_in_words


class MadePair(NamedTuple):
    """A source with what it is to become."""

    source: str
    target: str
    kind: str
    value: str  # of the two, the one in figures: pairs with the same value mean the same

    @property
    def is_basic(self) -> bool:
        """Whether the value is a word of its own, such as twelve, that others are made of."""
        return self.value.isdigit() and int(self.value) < 100


def make_pairs(count: int, seed: int) -> Iterator[MadePair]:
    """So many pairs with different sources, the same for the same seed; fewer are the first of more."""
    random = Random(f"pairs/{seed}")
    seen: set[str] = set()
    kinds, weights = zip(*KINDS.items(), strict=True)
    while len(seen) < count:
        (make,) = random.choices(kinds, weights)
        pair = make(random)
        if pair.source not in seen:
            seen.add(pair.source)
            yield pair


def _number(random: Random) -> int:
    """Short numbers as often as long ones."""
    return random.randrange(10 ** random.randint(1, 6)) % LIMIT


def _style(random: Random) -> Style:
    return Style(*(random.random() < chance for chance in (0.5, 0.7, 0.2, 0.3)))


def _words_to_number(random: Random) -> MadePair:
    number = _number(random)
    ways: list[Callable[[int, Style], str]] = [in_words]
    ways += [in_hundreds] if 1100 <= number < 10_000 and number % 1000 >= 100 else []
    ways += [year_in_words] if 1100 <= number < 3000 else []
    words = random.choice(ways)(number, _style(random))
    return MadePair(_capital(words, random), str(number), "words_to_number", str(number))


def _number_to_words(random: Random) -> MadePair:
    number = _number(random)
    return MadePair(str(number), in_words(number), "number_to_words", str(number))


def _day(random: Random) -> date:
    return date.fromordinal(random.randint(FIRST.toordinal(), LAST.toordinal()))


def _date_to_iso(random: Random) -> MadePair:
    day = _day(random)
    text = written(day, random.choice(FORMS), _style(random))
    return MadePair(_capital(text, random), day.isoformat(), "date_to_iso", day.isoformat())


def _iso_to_date(random: Random) -> MadePair:
    day = _day(random)
    return MadePair(day.isoformat(), written(day), "iso_to_date", day.isoformat())


def _capital(text: str, random: Random) -> str:
    """As it is, or as it stands at the start of a sentence, or without capitals."""
    return random.choice((text, text, text[0].upper() + text[1:], text.lower()))


KINDS: dict[Callable[[Random], MadePair], int] = {
    _words_to_number: 4,
    _number_to_words: 5,
    _date_to_iso: 3,
    _iso_to_date: 2,
}
"""What is made, and how often."""
