"""Options of a search: how a field declares itself, how it is checked, how its words are looked up.

Nothing here imports torch, so that the command line can list the options of all searches at once.
"""

from collections.abc import Sequence
from dataclasses import field, fields
from typing import Any, Literal, Protocol, get_type_hints

from captioner.errors import UserError, check_type

LengthRule = Literal["none", "mean", "wu"]
"""How sentences of different length compare: see `LengthPenalty`."""


def option(default: Any, help: str, *, flag: str | None = None, metavar: str | None = None) -> Any:
    """Declare a dataclass field that is an option in a config and a flag on the command line.

    Args:
        default: the value where nothing is given; a list is copied for every search.
        help: one line for `--help`; `{word}` stands for a token: word, character or symbol.
        flag: the name of the flag; by default that of the field, with hyphens.
        metavar: how `--help` names the value; by default by its type.

    Returns:
        The field.
    """
    metadata = {"help": help, "flag": flag, "metavar": metavar}
    if isinstance(default, list):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, metadata=metadata)


def check_options_of(search: Any) -> None:
    """Refuse an option that is not of its type, or out of its range.

    Args:
        search: a dataclass whose options are fields made by `option`.

    Raises:
        UserError: names the option.
    """
    hints = get_type_hints(type(search), include_extras=True)
    for one in fields(search):
        if "help" in one.metadata:
            check_type(one.name, getattr(search, one.name), hints[one.name])


class WordIds(Protocol):
    """A table of words: a `Vocabulary`; or an `Alphabet`, where a word is a string of symbols."""

    def spell(self, word: str, /) -> list[int]:
        """Return the token ids of a word.

        Args:
            word: a word, or of an alphabet a string.

        Returns:
            One id, or one per symbol.

        Raises:
            UserError: the word is unknown.
        """


def word_ids(words: Sequence[str], vocabulary: WordIds | None) -> list[list[int]]:
    """Look words up.

    Args:
        words: as a config has them.
        vocabulary: what they are looked up in.

    Returns:
        The token ids of each word.

    Raises:
        UserError: the model does not have a word, or there is no vocabulary.
    """
    if not words:
        return []
    if vocabulary is None:
        raise UserError(f"The words {', '.join(words)} cannot be looked up: the search has no vocabulary.")
    return [vocabulary.spell(word) for word in words]
