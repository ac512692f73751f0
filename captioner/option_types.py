"""Say whether a value from YAML or the command line is of the type of an option, and name types in words."""

import functools
import json
from collections.abc import Mapping
from dataclasses import astuple, is_dataclass
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen, Predicate

if TYPE_CHECKING:
    from pydantic import TypeAdapter

NOUNS: dict[Any, tuple[str, str]] = {
    bool: ("true or false", "truth values"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("a text", "texts"),
    NoneType: ("null", "nulls"),
    Any: ("a value", "values"),
}
"""What a value of a type is called, one and several."""
FAR = 100
"""From here on a bound above is there to save memory or time, and says little of what an option means."""


def is_of_type(value: Any, annotation: Any) -> bool:
    """Return whether a value is of the annotated type and in its range; infinities and NaN are in none."""
    from pydantic import ValidationError

    try:
        _adapter(annotation).validate_json(json.dumps(value))
    except (ValidationError, TypeError, ValueError):  # json's, of what YAML has beyond it
        return False
    return True


def wanted(annotation: Any, value: Any = None) -> str:
    """Return in words what is expected.

    Args:
        annotation: a type.
        value: what was given instead: a number that is out of range is not told that it must be a number.

    Returns:
        What follows "must be".

    >>> wanted(Annotated[float, Ge(0), Lt(1)], 2), wanted(Annotated[float, Ge(0), Lt(1)] | None, "x")
    ('at least 0 and below 1', 'a number, at least 0 and below 1, or null')
    >>> wanted(list[int]), wanted(tuple[float, float]), wanted(Literal["beam", "greedy"])
    ('a list of whole numbers', 'a list of 2 numbers', 'beam or greedy')
    """
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        limits, noun = range_in_words(annotation, value), wanted(inner[0], value)
        if isinstance(value, int | float) and is_of_type(value, inner[0]):
            return limits or noun
        return f"{noun}, {limits}" if limits else noun
    if origin in (Union, UnionType):
        return _alternatives([wanted(one, value) for one in inner])
    if origin is Literal:
        return _alternatives(list(map(str, inner)))
    if origin in (list, tuple):
        return _list_in_words(inner, "" if origin is list else f"{len(inner)} ")
    if is_dataclass(annotation) or (origin and issubclass(origin, Mapping)):
        return "a mapping"
    return NOUNS[annotation][0] if annotation in NOUNS else getattr(annotation, "__name__", str(annotation))


def range_in_words(annotation: Any, value: Any = None) -> str:
    """Return the range of an annotated type in words.

    Args:
        annotation: a type with marks, such as `Ge(0)`.
        value: what was given. Far bounds above are named to what exceeds them only.

    Returns:
        The bounds; "" where there is none.
    """
    marks = get_args(annotation)[1:]
    if any(isinstance(mark, MinLen) for mark in marks):
        return "one character or more"
    if any(isinstance(mark, Predicate) for mark in marks):
        return "the path of a file or folder"
    bounds = [mark for mark in marks if isinstance(mark, Ge | Gt | Le | Lt)]
    limits = {type(mark): limit for mark in bounds for limit in astuple(mark)}
    exceeds = isinstance(value, int | float) and value > limits.get(Le, 0)
    if limits.get(Le, 0) >= FAR and not exceeds:
        del limits[Le]
    if limits.keys() == {Ge, Le}:
        return f"{limits[Ge]:,} to {limits[Le]:,}"
    words = {Ge: "at least", Gt: "above", Le: "at most", Lt: "below"}
    return " and ".join(f"{words[kind]} {limit:,}" for kind, limit in limits.items())


def _list_in_words(inner: tuple[Any, ...], count: str) -> str:
    """Name a list by what is in it, the same everywhere."""
    first = inner[0]
    limits = range_in_words(first) if get_origin(first) is Annotated else ""
    base = get_args(first)[0] if limits else first
    several = NOUNS.get(base, ("", "values"))[1]
    return f"a list of {count}{several}" + (f", each {limits}" if limits else "")


def _alternatives(words: list[str]) -> str:
    if len(words) == 1:
        return words[0]
    comma = "," if any("," in word for word in words) else ""
    return f"{', '.join(words[:-1])}{comma} or {words[-1]}"


@functools.cache
def _adapter(annotation: Any) -> "TypeAdapter[Any]":
    from pydantic import ConfigDict, PydanticUserError, TypeAdapter

    options = ConfigDict(strict=True, arbitrary_types_allowed=True, allow_inf_nan=False)
    try:
        return TypeAdapter[Any](annotation, config=options)
    except PydanticUserError:  # the annotation is a model, which brings its own strictness
        return TypeAdapter[Any](annotation)
