"""Inside a comment."""

from captioner.insight.labels.base import LABELS, Values, binary, spans_on
from captioner.insight.labels.syntax import SourceText


@LABELS.register("comment")
@binary("inside a comment", "c", "python", "latex")
def comment(text: SourceText) -> Values:
    """Return 1 from the end of the opening to the last character before the closing is complete."""
    spans = text.spans["comment"]
    return spans_on(len(text.characters), ((span.first_inside, span.last_inside) for span in spans))
