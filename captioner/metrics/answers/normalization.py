"""Normalization of answers by the VQA evaluation: its rules for punctuation, case, numbers and articles.

Equal to the official script of March 2021, quirks included; a comment names each.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

_MARKS = ';/[]"{}()=+\\_-><@`,?!'  # apostrophe and colon are not among them
_COMMA_IN_NUMBER = re.compile(r"\d,\d")
_PERIOD = re.compile(r"\.(?!\d)")
_PERIODS_DROPPED = 32  # the script passes a flag of that value where the count is expected

_TO_TEN = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBERS = {"none": "0"} | {word: str(number) for number, word in enumerate(_TO_TEN)}
_ARTICLES = {"a", "an", "the"}

# Words that are recognised with one of their apostrophes missing. The script also has i'm, i've and i'd've,
# with a capital that no word has when the table is searched, so that these stay as they are.
_CONTRACTIONS = """
ain't aren't can't couldn't couldn't've could've didn't doesn't don't hadn't hadn't've hasn't haven't
he'd he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've
mustn't must've needn't not've o'clock oughtn't 'ow's'at shan't she'd've shouldn't shouldn't've
should've somebody'd've somebody'll somebody's someone'd someone'd've someone'll someone's something'd
something'd've something'll that's there'd there'd've there're there's they'd they'd've they'll they're
they've 'twas wasn't we'd've weren't we've what'll what're what's what've when's where'd where's
where've who'd who'd've who'll who's who've why'll why're why's won't wouldn't wouldn't've would've
y'all y'all'd've y'all'll you'd you'd've you'll you're you've
"""
CONTRACTIONS: Mapping[str, str] = {
    word[:place] + word[place + 1 :]: word
    for word in _CONTRACTIONS.split()
    for place, letter in enumerate(word)
    if letter == "'"
} | {"somebody'd": "somebodyd"}  # the other way round in the script


class Change(NamedTuple):
    """A rule that changed an answer, and the text after it."""

    rule: str
    text: str


def one_line(answer: str) -> str:
    r"""Replace line ends and tabs by spaces and strip the answer: the first step for every answer.

    >>> one_line("two\tdogs \n")
    'two dogs'
    """
    return answer.replace("\n", " ").replace("\t", " ").strip()


def _punctuation(text: str) -> str:
    """Replace each mark by a space where it stands between letters; remove it where a space is beside it.

    The space is searched in the text as it came in, at any place where the mark stands, and a comma between
    digits takes the spaces of every mark away.
    """
    has_comma_in_number = _COMMA_IN_NUMBER.search(text) is not None
    left = text
    for mark in _MARKS:
        if mark in left:
            is_apart = f"{mark} " in text or f" {mark}" in text
            left = left.replace(mark, "" if is_apart or has_comma_in_number else " ")
    return left


def _periods(text: str) -> str:
    """Remove the first 32 periods that no digit follows."""
    return _PERIOD.sub("", text, count=_PERIODS_DROPPED)


def _each_word(text: str, change: Mapping[str, str]) -> str:
    return " ".join(change.get(word, word) for word in text.split())


RULES: Mapping[str, Callable[[str], str]] = {
    "punctuation": _punctuation,
    "periods": _periods,
    "letter case": str.lower,
    "spaces": lambda text: " ".join(text.split()),
    "number words": lambda text: _each_word(text, _NUMBERS),
    "articles": lambda text: " ".join(word for word in text.split() if word not in _ARTICLES),
    "contractions": lambda text: _each_word(text, CONTRACTIONS),
}


@lru_cache(maxsize=1 << 18)  # annotators give the same few answers again and again
def normalise(answer: str, without: str = "") -> str:
    """Apply all rules to an answer in order, or all but the one named.

    >>> normalise("The T-shirt."), normalise("2:50 p.m."), normalise("1,000-2,000"), normalise("None")
    ('t shirt', '2:50 pm', '10002000', '0')
    """
    for name, rule in RULES.items():
        if name != without:
            answer = rule(answer)
    return answer


@lru_cache(maxsize=1 << 18)
def changes(answer: str) -> tuple[Change, ...]:
    """Return the rules that change an answer, in order, each with the text after it.

    >>> changes("dogs.")
    (Change(rule='periods', text='dogs'),)
    """
    found = []
    for name, rule in RULES.items():
        changed = rule(answer)
        if changed != answer:
            found.append(Change(name, changed))
        answer = changed
    return tuple(found)
