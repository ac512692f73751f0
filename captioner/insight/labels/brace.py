"""Nesting of curly brackets."""

from captioner.insight.labels.base import LABELS, Values, graded
from captioner.insight.labels.syntax import SourceText


@LABELS.register("brace")
@graded("how many curly brackets are open", "c", "python", "latex")
def brace(text: SourceText) -> Values:
    """Return the depth after each character."""
    return text.depth("{", "}")
