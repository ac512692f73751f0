"""Options of the search on the command line, for every verb that generates: the fields of the search classes.

A field made by `option` is a flag here, so a new search needs no list of its flags. Options that are not
given are as the model folder's config has them, under `search:`.
"""

import argparse
import re
from collections.abc import Collection, Mapping
from dataclasses import Field, fields
from types import NoneType
from typing import Any, Literal, NamedTuple, cast, get_args, get_origin, get_type_hints

from captioner.commands.options.numbers import in_range
from captioner.search.base import SEARCHES, Search, check_changes

METAVARS = {int: "N", float: "X"}


class SearchOption(NamedTuple):
    """A flag, and the option of the search that it sets."""

    flag: str
    key: str
    help: str  # {word} stands for word, character or symbol
    shared: bool  # whether every search has it
    argument: dict[str, Any]  # how argparse reads the value


def words(text: str) -> list[str]:
    """Split text at spaces and commas."""
    return [word for word in re.split(r"[\s,]+", text) if word]


def search_options() -> list[SearchOption]:
    """Return the options of all registered searches: the method, those of single searches, those of all."""
    shared = {field.name for field in fields(Search)}
    found: dict[str, SearchOption] = {}
    helps: dict[str, dict[str, list[str]]] = {}  # option -> its help -> the searches that have it
    for name in SEARCHES:
        search = cast(type[Search], SEARCHES[name])
        hints = get_type_hints(search, include_extras=True)
        for field in fields(search):
            if "help" in field.metadata:
                found.setdefault(field.name, _search_option(field, hints[field.name], field.name in shared))
                helps.setdefault(field.name, {}).setdefault(field.metadata["help"], []).append(name)
    method = SearchOption("--search", "name", ", ".join(SEARCHES), False, {"metavar": "NAME"})
    single = [
        one._replace(help="; ".join(f"{', '.join(names)}: {text}" for text, names in helps[key].items()))
        for key, one in found.items()
        if not one.shared
    ]
    return [method, *single, *(one for one in found.values() if one.shared)]


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


def _search_option(field: "Field[Any]", hint: Any, shared: bool) -> SearchOption:
    flag = field.metadata["flag"] or f"--{field.name.replace('_', '-')}"
    argument = _argument(hint, field.default, field.metadata["metavar"])
    return SearchOption(flag, field.name, field.metadata["help"], shared, argument)


def _argument(hint: Any, default: Any, metavar: str | None) -> dict[str, Any]:
    """Arguments of `add_argument` for a value of a type; a flag for a bool sets what is not the default."""
    hint = next((one for one in get_args(hint) if NoneType in get_args(hint) and one is not NoneType), hint)
    if hint is bool:
        return {"action": "store_const", "const": not default}
    if get_origin(hint) is Literal:
        return {"choices": get_args(hint)}
    if get_origin(hint) is list:
        return {"type": words, "metavar": metavar or "WORDS"}
    kind = (*get_args(hint), hint)[0]
    return {"type": in_range(hint) if kind in METAVARS else hint, "metavar": metavar or METAVARS.get(kind)}
