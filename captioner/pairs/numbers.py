"""Spell whole numbers below a million in English words, as people write them."""

from typing import NamedTuple

LIMIT = 1_000_000
ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


class NumberStyle(NamedTuple):
    """A way to spell a number."""

    has_and: bool = True  # one hundred and five
    has_hyphens: bool = True  # twenty-one
    has_commas: bool = False  # two thousand, one hundred
    has_article: bool = False  # a hundred, in place of one hundred, where a number starts with it


PLAIN = NumberStyle()
"""The style into which a number in figures is translated."""


def in_words(number: int, style: NumberStyle = PLAIN) -> str:
    """Spell a number from 0 to 999,999.

    >>> in_words(21_004), in_words(100_250, NumberStyle(has_and=False, has_commas=True, has_article=True))
    ('twenty-one thousand and four', 'a hundred thousand, two hundred fifty')
    """
    thousands, rest = divmod(number, 1000)
    if not thousands:
        return _with_article(_below_thousand(number, style), style)
    words = f"{_below_thousand(thousands, style)} thousand"
    if rest >= 100:
        words += f"{',' if style.has_commas else ''} {_below_thousand(rest, style)}"
    elif rest:
        words += f"{' and' if style.has_and else ''} {_below_hundred(rest, style)}"
    return _with_article(words, style)


def in_hundreds(number: int, style: NumberStyle = PLAIN) -> str:
    """Spell a number from 1,100 to 9,999, counted in hundreds.

    >>> in_hundreds(1_905)
    'nineteen hundred and five'
    """
    hundreds, rest = divmod(number, 100)
    return _hundreds(_below_hundred(hundreds, style), rest, style)


def year_in_words(year: int, style: NumberStyle = PLAIN) -> str:
    """Spell a year from 1100 to 2999, as it is spoken.

    >>> year_in_words(1998), year_in_words(1905), year_in_words(1900), year_in_words(2004)
    ('nineteen ninety-eight', 'nineteen oh five', 'nineteen hundred', 'two thousand and four')
    """
    century, rest = divmod(year, 100)
    if century % 10 == 0 and rest < 10:
        return in_words(year, style)
    if rest == 0:
        return in_hundreds(year, style)
    oh = "oh " if rest < 10 else ""
    return f"{_below_hundred(century, style)} {oh}{_below_hundred(rest, style)}"


def ordinal_in_words(number: int, style: NumberStyle = PLAIN) -> str:
    """Spell an ordinal number from 1 to 99.

    >>> ordinal_in_words(4), ordinal_in_words(12), ordinal_in_words(30), ordinal_in_words(31)
    ('fourth', 'twelfth', 'thirtieth', 'thirty-first')
    """
    words = _below_hundred(number, style)
    last = words.replace("-", " ").split()[-1]
    regular = f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"
    return words.removesuffix(last) + ORDINALS.get(last, regular)


def _with_article(words: str, style: NumberStyle) -> str:
    first, _, rest = words.partition(" ")
    return f"a {rest}" if style.has_article and first == "one" and rest else words


def _below_thousand(number: int, style: NumberStyle) -> str:
    hundreds, rest = divmod(number, 100)
    return _hundreds(ONES[hundreds], rest, style) if hundreds else _below_hundred(rest, style)


def _hundreds(hundreds: str, rest: int, style: NumberStyle) -> str:
    words = f"{hundreds} hundred"
    if rest:
        words += f"{' and' if style.has_and else ''} {_below_hundred(rest, style)}"
    return words


def _below_hundred(number: int, style: NumberStyle) -> str:
    if number < len(ONES):
        return ONES[number]
    tens, ones = divmod(number, 10)
    if not ones:
        return TENS[tens]
    return f"{TENS[tens]}{'-' if style.has_hyphens else ' '}{ONES[ones]}"
