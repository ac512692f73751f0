"""List the options of the searches for a client, and read those that it sends."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal, cast, get_args, get_origin

from captioner.errors import UserError, check_type
from captioner.page.forms import read_number
from captioner.search.option_list import SearchOption, list_options, words
from captioner.search.text_rules import SENTENCE_ONLY, check_text_rules

METHOD = "search"
"""The field that names the search; the others have the names of the options."""


def search_field_names() -> list[str]:
    """Return the names of all fields that `search_changes_from` reads."""
    return [METHOD, *(option.key for option in _options())]


def search_changes_from(fields: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the options of a search that a client sent, as changes of the model's own search.

    Args:
        fields: names and values; names of no option are left to others.

    Returns:
        Options by name, and `name` for another search.

    Raises:
        UserError: a value is of the wrong type or out of range, or the search that was named has no such
            option.
    """
    given = {name: [one for one in values if one] for name, values in fields.items()}
    changes: dict[str, Any] = {"name": _single(METHOD, given[METHOD])} if given.get(METHOD) else {}
    for option in _options():
        if given.get(option.key):
            changes[option.key] = read_option(option, given[option.key])
    if "name" in changes:
        from captioner.search.base import check_changes

        check_changes(changes["name"], changes)
    return changes


def read_option(option: SearchOption, texts: Sequence[str]) -> Any:
    """Return the value of an option.

    Args:
        option: of a search.
        texts: what was sent, one text or, of an option that takes words, several.

    Returns:
        The value, of the option's type.

    Raises:
        UserError: it is of the wrong type or out of range.
    """
    wanted = option.value_type
    if get_origin(wanted) is list:
        return [word for text in texts for word in words(text)]
    text = _single(option.key, texts)
    if option_type(option) in ("int", "float"):
        return read_number(option.key, text, wanted)
    value = {"true": True, "false": False}.get(text, text) if wanted is bool else text
    check_type(option.key, value, wanted)
    return value


def describe_options(word: str = "word") -> list[dict[str, Any]]:
    """Return the options of all searches as JSON has them.

    The label and the help of a truth value describe what is not its default.

    Args:
        word: the name of a token: word, character or symbol.

    Returns:
        One object an option.
    """
    return [
        {
            "key": option.key,
            "label": option.flag.removeprefix("--").replace("-", " "),
            "help": option.help.replace("{word}", word),
            "type": (kind := option_type(option)),
            "choices": list(get_args(option.value_type)) if kind == "choice" else None,
            "default": option.defaults,
            "searches": list(option.defaults),
            "shared": option.shared,
            "text": option.key not in SENTENCE_ONLY,
        }
        for option in list_options()
    ]


def describe_searches() -> list[dict[str, Any]]:
    """Return name, purpose and use of every search as JSON has them.

    `steps` says whether it can be advanced word by word, `text` whether it has a meaning for texts.
    """
    from captioner.search.base import SEARCHES, Search

    return [
        {
            "name": name,
            "about": (search.__doc__ or "").strip().splitlines()[0],
            "steps": search.stepwise,
            "text": _has_meaning_for_texts(name),
        }
        for name, search in ((name, cast(type[Search], SEARCHES[name])) for name in SEARCHES)
    ]


def option_type(option: SearchOption) -> Literal["int", "float", "bool", "choice", "words"]:
    """Return what kind of value an option has."""
    wanted = option.value_type
    if get_origin(wanted) is Literal:
        return "choice"
    if get_origin(wanted) is list:
        return "words"
    kind = (*get_args(wanted), wanted)[0]
    if kind is bool:
        return "bool"
    return "int" if kind is int else "float"


@cache
def _options() -> list[SearchOption]:
    """Return the options, listed once: it takes a millisecond, of each request."""
    return list_options()


def _has_meaning_for_texts(name: str) -> bool:
    try:
        check_text_rules({"name": name})
    except UserError:
        return False
    return True


def _single(name: str, texts: Sequence[str]) -> str:
    if len(texts) > 1:
        raise UserError(f"{name} was given {len(texts)} times, and is taken once.")
    return texts[0]
