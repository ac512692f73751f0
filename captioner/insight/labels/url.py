"""Inside an address of the web."""

import re

from captioner.insight.labels.base import LABELS, Values, binary, spans_on
from captioner.insight.labels.syntax import SourceText


@LABELS.register("url")
@binary("inside an address such as http://...")
def url(text: SourceText) -> Values:
    """Return 1 from the colon of the scheme to the last character of the address."""
    found = re.finditer(r"\b(?:https?|ftp)(://[^\s<>\"'{}|\\^`\]]*[\w/])", text.characters)
    return spans_on(len(text.characters), (one.span(1) for one in found))
