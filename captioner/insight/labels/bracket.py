"""Nesting of square brackets."""

from captioner.insight.labels.base import LABELS, Values, graded
from captioner.insight.labels.syntax import SourceText


@LABELS.register("bracket")
@graded("how many square brackets are open", "c", "python", "latex")
def bracket(text: SourceText) -> Values:
    """Return the depth after each character."""
    return text.depth("[", "]")
