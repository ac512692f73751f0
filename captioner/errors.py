"""Tell a user's mistake in one clear sentence. Commands print it and exit with status 2."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in what the user gave: says what was wrong, what was expected, the nearest right name."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return a sentence that helps to correct a name: the closest of the choices, and all of them.

    >>> nearest("beem", ["beam", "greedy"])
    'Did you mean beam? There are: beam, greedy.'
    """
    known = sorted(choices)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]}? " if close else ""
    return f"{hint}There are: {', '.join(known)}." if known else "There are none."
