"""Labels of the characters of a text, and their registry: a new label is one function in one file.

T characters.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from captioner.errors import UserError, nearest
from captioner.insight.labels.syntax import LANGUAGES, Language, SourceText
from captioner.registry import Registry

Values = NDArray[np.float32]
"""A number for each character, (T,); NaN where the label is not defined."""


@dataclass(frozen=True)
class Label:
    """A property of a text at each of its characters.

    Args:
        compute: the values after each character is read; 0 and 1 for a label that is off or on.
        about: what the label says, in a few words.
        graded: whether the values are numbers, and not off or on.
        languages: the kinds of text that have the property.
        future: whether the value depends on what comes later.
    """

    compute: Callable[[SourceText], Values]
    about: str
    graded: bool
    languages: tuple[Language, ...] = LANGUAGES
    future: bool = False

    def __call__(self, text: SourceText) -> Values:
        """Return the label's values."""
        return self.compute(text)


LABELS: Registry[Values] = Registry("label", "captioner.insight.labels")


def binary(about: str, *languages: Language) -> Callable[[Callable[[SourceText], Values]], Label]:
    """Decorator: a label that is off or on, 0 or 1; without languages, one of any text."""
    return lambda compute: Label(compute, about, False, languages or LANGUAGES)


def graded(
    about: str, *languages: Language, future: bool = False
) -> Callable[[Callable[[SourceText], Values]], Label]:
    """Decorator: a label that is a number; without languages, one of any text."""
    return lambda compute: Label(compute, about, True, languages or LANGUAGES, future)


def spans_on(length: int, spans: Iterable[tuple[int, int]]) -> Values:
    """Return 1 inside spans, given by their first place and the place after the last, and 0 elsewhere."""
    values = np.zeros(length, np.float32)
    for start, end in spans:
        values[start:end] = 1
    return values


def pattern_label(definition: str) -> tuple[str, Label]:
    """Make a label from `NAME=REGEX`: it is on at every character of a match.

    Args:
        definition: the name and a regular expression, in which ^ and $ are of lines.

    Returns:
        The name and the label.

    Raises:
        UserError: there is no name, or the expression is none.
    """
    name, separator, pattern = definition.partition("=")
    if not (separator and pattern and re.fullmatch(r"[\w-]+", name)):
        raise UserError(f"--label takes NAME=REGEX, such as digits=[0-9]+, not {definition!r}.")
    try:
        compiled = re.compile(pattern, re.MULTILINE)
    except re.error as mistake:
        raise UserError(f"--label {name}: {pattern!r} is no regular expression: {mistake}.") from None

    def compute(text: SourceText) -> Values:
        return spans_on(len(text.characters), (found.span() for found in compiled.finditer(text.characters)))

    return name, Label(compute, f"inside a match of {pattern}", False)


def choose_labels(names: Sequence[str] | None, language: Language) -> dict[str, Label]:
    """Return labels by name.

    Args:
        names: the labels wanted; None: all that the language has.
        language: of the text.

    Returns:
        The labels, in order of their names or as they were asked for.

    Raises:
        UserError: there is no such label.
    """
    chosen = {}
    for name in LABELS if names is None else names:
        label = LABELS[name] if names is None else _named(name)
        assert isinstance(label, Label)
        if names is not None or language in label.languages:
            chosen[name] = label
    return chosen


def _named(name: str) -> Callable[..., Values]:
    if name not in (known := list(LABELS)):
        raise UserError(f"There is no label {name!r}. {nearest(name, known)}")
    return LABELS[name]
