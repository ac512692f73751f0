"""Nesting of round brackets."""

from captioner.insight.labels.base import LABELS, Values, graded
from captioner.insight.labels.syntax import SourceText


@LABELS.register("parenthesis")
@graded("how many round brackets are open", "prose", "c", "python", "latex")
def parenthesis(text: SourceText) -> Values:
    """Return the depth after each character."""
    return text.depth("(", ")")
