"""Inside the condition of an `if`."""

import re
from collections.abc import Iterator

from captioner.insight.labels.base import LABELS, Values, binary, spans_on
from captioner.insight.labels.syntax import SourceText

LONGEST = 1000
"""Characters of a condition; what is longer is unbalanced text."""


@LABELS.register("if_condition")
@binary("inside the condition of an if", "c", "python")
def if_condition(text: SourceText) -> Values:
    """Return 1 from the opening bracket, or in Python the word `if`, to the last character before the end."""
    return spans_on(len(text.characters), _conditions(text))


def _conditions(text: SourceText) -> Iterator[tuple[int, int]]:
    in_c = text.language == "c"
    pattern = r"\bif\s*\(" if in_c else r"^[ \t]*(?:el)?if\b"
    for found in re.finditer(pattern, text.characters, re.MULTILINE):
        if text.is_code_T[found.end() - 1]:
            start = found.end() - 1
            if (end := _end(text, found.end(), 1 if in_c else 0, ")" if in_c else ":")) is not None:
                yield start, end


def _end(text: SourceText, place: int, depth: int, closing: str) -> int | None:
    """Return the place of the character that ends a condition: `closing` when no bracket is open."""
    for at in range(place, min(len(text.characters), place + LONGEST)):
        if not text.is_code_T[at]:
            continue
        character = text.characters[at]
        depth += (character in "([{") - (character in ")]}")
        if character == closing and depth <= 0:
            return at
    return None
