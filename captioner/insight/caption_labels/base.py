"""Labels of the words of a caption, and their registry: a new label is one function in one file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from captioner.registry import Registry

Values = list[float]
"""A number for each word; NaN where the label is not defined."""


@dataclass(frozen=True)
class CaptionLabel:
    """A property of a caption after each of its words.

    Args:
        compute: the values from the words; 0 and 1 for a label that is off or on.
        about: what the label says, in a few words.
        graded: whether the values are numbers, and not off or on.
        future: whether the value depends on what comes later.
    """

    compute: Callable[[Sequence[str]], Values]
    about: str
    graded: bool
    future: bool

    def __call__(self, words: Sequence[str]) -> Values:
        """Return the label's values."""
        return self.compute(words)


CAPTION_LABELS: Registry[Values] = Registry("caption label", "captioner.insight.caption_labels")


def caption_label(
    about: str, graded: bool = False, future: bool = False
) -> Callable[[Callable[[Sequence[str]], Values]], CaptionLabel]:
    """Decorator: make a label of a function.

    Args:
        about: what it says.
        graded: whether its values are numbers, and not off or on.
        future: whether they depend on what comes later.

    Returns:
        The decorator.
    """
    return lambda compute: CaptionLabel(compute, about, graded, future)
