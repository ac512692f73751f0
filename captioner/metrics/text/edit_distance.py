"""Exact matches and edit distances of generated sentences and their targets."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

Sentence = Sequence[str]


class Matches(NamedTuple):
    """How well generated sentences match their targets.

    Attributes:
        number: of sentences.
        exact: the share that equals the target to the last symbol.
        error_rate: symbols to insert, remove or change, over the symbols of the targets.
    """

    number: int
    exact: float
    error_rate: float


def matches(pairs: Iterable[tuple[Sentence, Sentence]]) -> Matches:
    """Compare (generated, target) pairs, each a sequence of symbols; all zero for no pairs."""
    listed = [(list(sentence), list(target)) for sentence, target in pairs]
    exact = sum(sentence == target for sentence, target in listed)
    edits = sum(edit_distance(sentence, target) for sentence, target in listed)
    symbols = sum(len(target) for _, target in listed)
    return Matches(len(listed), exact / max(1, len(listed)), edits / max(1, symbols))


def edit_distance(one: Sentence, other: Sentence) -> int:
    """Count the fewest symbols to insert, remove or change that turn one into the other (Levenshtein, 1966).

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
