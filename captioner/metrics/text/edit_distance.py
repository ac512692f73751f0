"""How far sentences are from those they should be: exact matches and edits."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

Sentence = Sequence[str]


class Matches(NamedTuple):
    """Of sentences beside what they should be."""

    number: int
    exact: float  # the share that is right to the last symbol
    error_rate: float  # symbols to insert, remove or change, over those that should be there


def matches(pairs: Iterable[tuple[Sentence, Sentence]]) -> Matches:
    """Of (what was said, what should be) pairs, each a sequence of symbols; all zero for none."""
    listed = [(list(said), list(target)) for said, target in pairs]
    right = sum(said == target for said, target in listed)
    edits = sum(edit_distance(said, target) for said, target in listed)
    symbols = sum(len(target) for _, target in listed)
    return Matches(len(listed), right / max(1, len(listed)), edits / max(1, symbols))


def edit_distance(one: Sentence, other: Sentence) -> int:
    """The fewest symbols to insert, remove or change that make one of the other (Levenshtein, 1966).

    >>> edit_distance("kitten", "sitting")
    3
    """
    if one == other:
        return 0
    row = list(range(len(other) + 1))
    for i, symbol in enumerate(one, start=1):
        above, row[0] = row[0], i
        for j, wanted in enumerate(other, start=1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (symbol != wanted))
    return row[-1]
