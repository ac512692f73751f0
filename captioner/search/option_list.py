"""List the options of all searches: the fields of their classes, for whatever offers them to a user.

Nothing here imports torch, so that a list of options costs no time.
"""

import re
from dataclasses import MISSING, Field, fields
from types import NoneType
from typing import Any, NamedTuple, cast, get_args, get_type_hints


class SearchOption(NamedTuple):
    """An option, and the searches that have it.

    Attributes:
        key: its name in a config.
        flag: its name on the command line.
        help: one line, that of each search where they differ; `{word}` stands for word, character or symbol.
        metavar: how the value is named; None: by its type.
        annotation: the type of its value, with a range where it has one.
        defaults: the value where nothing is given, by the name of the search.
        shared: whether every search has it.
    """

    key: str
    flag: str
    help: str
    metavar: str | None
    annotation: Any
    defaults: dict[str, Any]
    shared: bool

    @property
    def value_type(self) -> Any:
        """The annotation without None, which is what is not given."""
        inner = get_args(self.annotation)
        return next((one for one in inner if NoneType in inner and one is not NoneType), self.annotation)


def words(text: str) -> list[str]:
    """Split text at spaces and commas."""
    return [word for word in re.split(r"[\s,]+", text) if word]


def list_options() -> list[SearchOption]:
    """Return the options of all registered searches: those of single searches, then those of all."""
    from captioner.search.base import SEARCHES, Search

    shared = {field.name for field in fields(Search)}
    found: dict[str, SearchOption] = {}
    helps: dict[str, dict[str, list[str]]] = {}  # option -> its help -> the searches that have it
    for name in SEARCHES:
        search = cast(type[Search], SEARCHES[name])
        hints = get_type_hints(search, include_extras=True)
        for field in fields(search):
            if "help" in field.metadata:
                first = _search_option(field, hints[field.name], field.name in shared)
                found.setdefault(field.name, first).defaults[name] = _default(field)
                helps.setdefault(field.name, {}).setdefault(field.metadata["help"], []).append(name)
    single = [
        one._replace(help="; ".join(f"{', '.join(names)}: {text}" for text, names in helps[key].items()))
        for key, one in found.items()
        if not one.shared
    ]
    return [*single, *(one for one in found.values() if one.shared)]


def _search_option(field: "Field[Any]", annotation: Any, shared: bool) -> SearchOption:
    metadata = field.metadata
    flag = metadata["flag"] or f"--{field.name.replace('_', '-')}"
    return SearchOption(field.name, flag, metadata["help"], metadata["metavar"], annotation, {}, shared)


def _default(field: "Field[Any]") -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()
