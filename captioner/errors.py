"""Answer mistakes of the user in one clear sentence. Commands print it and exit with status 2."""

import difflib
import re
import reprlib
from collections.abc import Iterable
from typing import Any

LONGEST_QUOTATION = 80  # characters of what the user gave that a message repeats
_MORE = f"{{{LONGEST_QUOTATION + 1},}}"
_QUOTED = (rf"(?<!\w)'[^']{_MORE}'(?!\w)", rf'"[^"]{_MORE}"', r"\S{400,}")
_QUOTATION = re.compile("|".join(_QUOTED))
_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxdict, _SHORT.maxlist, _SHORT.maxstring = 3, 6, 6, 60


class UserError(Exception):
    """A mistake in what the user gave: says what was wrong, what was expected, the nearest right name."""

    def __str__(self) -> str:
        """Return the sentence, made `printable`."""
        return printable(super().__str__())


def printable(text: str) -> str:
    r"""Escape what a terminal would obey, and cut long quotations.

    Args:
        text: a message with names and values from data.

    Returns:
        The message with control characters as escape sequences, and quotations and words that are too long
        cut in their middle.

    >>> printable("no file '\x1b[2J'")
    "no file '\\x1b[2J'"
    """
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return _QUOTATION.sub(lambda found: _shortened(found[0]), shown)


def _shortened(quotation: str) -> str:
    half = LONGEST_QUOTATION // 2
    return f"{quotation[:half]} ... {quotation[-half:]}"


def quotation(value: Any) -> str:
    """Return a value from data as a message quotes it, however long or deep it is.

    >>> quotation({"a": [[[[5]]]], "b": "red"})
    "{'a': [[[...]]], 'b': 'red'}"
    """
    return f"{_SHORT.repr(value):.{LONGEST_QUOTATION}}"


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return a sentence that helps to correct a name: the closest of the choices, and all of them.

    Args:
        name: what the user wrote.
        choices: the right names.

    Returns:
        One or two sentences.

    >>> nearest("beem", ["beam", "greedy"])
    'Did you mean beam? There are: beam, greedy.'
    """
    known = sorted(choices)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]}? " if close else ""
    return f"{hint}There are: {', '.join(known)}." if known else "There are none."


def check_type(what: str, value: Any, annotation: Any) -> None:
    """Refuse a value that is not of a type, or out of its range (3 is a float; "3" is not an int).

    Args:
        what: whose value it is, for the message.
        value: the value.
        annotation: the type, with a range where it is `Annotated` by one.

    Raises:
        UserError: says what was expected.
    """
    from captioner.option_types import is_of_type, wanted

    if not is_of_type(value, annotation):
        raise UserError(f"{what} must be {wanted(annotation, value)}, not {value!r}.")
