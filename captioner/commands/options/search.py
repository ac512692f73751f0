"""Options of the search on the command line, for every verb that generates: the fields of the search classes.

A field made by `option` is a flag here, so a new search needs no list of its flags. Options that are not
given are as the model folder's config has them, under `search:`.
"""

import argparse
from collections.abc import Collection, Mapping
from typing import Any, Literal, NamedTuple, get_args, get_origin

from captioner.commands.options.numbers import in_range
from captioner.search.base import SEARCHES, check_changes
from captioner.search.option_list import SearchOption, list_options, words

METAVARS = {int: "N", float: "X"}


class SearchFlag(NamedTuple):
    """A flag, and the option of the search that it sets."""

    flag: str
    key: str
    help: str  # {word} stands for word, character or symbol
    shared: bool  # whether every search has it
    argument: dict[str, Any]  # how argparse reads the value


def search_options() -> list[SearchFlag]:
    """Return the flags of all registered searches: the method, those of single searches, those of all."""
    method = SearchFlag("--search", "name", ", ".join(SEARCHES), False, {"metavar": "NAME"})
    return [method, *(_search_flag(option) for option in list_options())]


def add_search_arguments(
    parser: argparse.ArgumentParser, word: str = "word", leave_out: Collection[str] = ()
) -> None:
    """Add the options to a parser, in two groups of their own.

    Args:
        parser: of a verb.
        word: the name of a token: word, character or symbol.
        leave_out: options of the search that the verb does not have.
    """
    method = parser.add_argument_group("how to search", "defaults are the model's own")
    constraints = parser.add_argument_group("constraints")
    for option in search_options():
        if option.key not in leave_out:
            group = constraints if option.shared else method
            about = option.help.replace("{word}", word).replace("%", "%%")
            group.add_argument(option.flag, dest=f"search_{option.key}", help=about, **option.argument)


def search_changes(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options that were given, by their names in the search.

    Args:
        arguments: the parsed command line.

    Returns:
        Changes of the model's own search.

    Raises:
        UserError: the search that was named has no such option.
    """
    given = {option.key: getattr(arguments, f"search_{option.key}", None) for option in search_options()}
    changes = {key: value for key, value in given.items() if value is not None}
    if "name" in changes:
        check_changes(changes["name"], changes)
    return changes


def search_flags(changes: Mapping[str, Any]) -> list[str]:
    """Return the flags that made these changes."""
    return [option.flag for option in search_options() if option.key in changes]


def _search_flag(option: SearchOption) -> SearchFlag:
    return SearchFlag(option.flag, option.key, option.help, option.shared, _argument(option))


def _argument(option: SearchOption) -> dict[str, Any]:
    """Arguments of `add_argument` for an option; a flag for a bool sets what is not the default."""
    hint = option.value_type
    if hint is bool:
        return {"action": "store_const", "const": not next(iter(option.defaults.values()))}
    if get_origin(hint) is Literal:
        return {"choices": get_args(hint)}
    if get_origin(hint) is list:
        return {"type": words, "metavar": option.metavar or "WORDS"}
    kind = (*get_args(hint), hint)[0]
    read = in_range(hint) if kind in METAVARS else hint
    return {"type": read, "metavar": option.metavar or METAVARS.get(kind)}
