"""Generate translation pairs: numbers in words and in figures, dates as people write them and by ISO 8601.

    words_to_number    twenty-one thousand and four     21004
    number_to_words    21004                            twenty-one thousand and four
    date_to_iso        the fifth of March 1998          1998-03-05
    iso_to_date        1998-03-05                       5 March 1998

Many sources have the same target, but each source has only one target.
"""

from collections.abc import Callable, Iterator
from datetime import date
from random import Random
from typing import NamedTuple

from captioner.pairs.dates import FIRST, FORMS, LAST, format_date
from captioner.pairs.numbers import LIMIT, NumberStyle, in_hundreds, in_words, year_in_words


class SyntheticPair(NamedTuple):
    """A source with its translation.

    Args:
        source: the text to translate.
        target: its translation.
        kind: of the pair, such as `words_to_number`.
        value: the source or the target, whichever is in figures: pairs of the same value mean the same.
    """

    source: str
    target: str
    kind: str
    value: str

    @property
    def is_basic(self) -> bool:
        """Tell whether the value is a number below 100; words of larger numbers contain these."""
        return self.value.isdigit() and int(self.value) < 100


def make_pairs(count: int, seed: int) -> Iterator[SyntheticPair]:
    """Yield `count` pairs with different sources; a smaller count gives the first of them."""
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
    """Draw a number, short ones as often as long ones."""
    return random.randrange(10 ** random.randint(1, 6)) % LIMIT


def _style(random: Random) -> NumberStyle:
    return NumberStyle(*(random.random() < probability for probability in (0.5, 0.7, 0.2, 0.3)))


def _words_to_number(random: Random) -> SyntheticPair:
    number = _number(random)
    ways: list[Callable[[int, NumberStyle], str]] = [in_words]
    ways += [in_hundreds] if 1100 <= number < 10_000 and number % 1000 >= 100 else []
    ways += [year_in_words] if 1100 <= number < 3000 else []
    words = random.choice(ways)(number, _style(random))
    return SyntheticPair(_capital(words, random), str(number), "words_to_number", str(number))


def _number_to_words(random: Random) -> SyntheticPair:
    number = _number(random)
    return SyntheticPair(str(number), in_words(number), "number_to_words", str(number))


def _day(random: Random) -> date:
    return date.fromordinal(random.randint(FIRST.toordinal(), LAST.toordinal()))


def _date_to_iso(random: Random) -> SyntheticPair:
    day = _day(random)
    text = format_date(day, random.choice(FORMS), _style(random))
    return SyntheticPair(_capital(text, random), day.isoformat(), "date_to_iso", day.isoformat())


def _iso_to_date(random: Random) -> SyntheticPair:
    day = _day(random)
    return SyntheticPair(day.isoformat(), format_date(day), "iso_to_date", day.isoformat())


def _capital(text: str, random: Random) -> str:
    """Return a text as it is, with a capital as at the start of a sentence, or without capitals."""
    return random.choice((text, text, text[0].upper() + text[1:], text.lower()))


KINDS: dict[Callable[[Random], SyntheticPair], int] = {
    _words_to_number: 4,
    _number_to_words: 5,
    _date_to_iso: 3,
    _iso_to_date: 2,
}
"""Generators of each kind, with their weights."""
