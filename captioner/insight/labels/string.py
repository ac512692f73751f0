"""Inside a string."""

from captioner.insight.labels.base import LABELS, Values, binary, spans_on
from captioner.insight.labels.syntax import SourceText


@LABELS.register("string")
@binary("inside a string or character constant", "c", "python")
def string(text: SourceText) -> Values:
    """Return 1 from the opening quote to the last character before the closing one."""
    spans = text.spans["string"]
    return spans_on(len(text.characters), ((span.first_inside, span.last_inside) for span in spans))
