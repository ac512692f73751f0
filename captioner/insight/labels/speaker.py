"""Inside the name of a speaker of a play."""

import re

from captioner.insight.labels.base import LABELS, Values, binary, spans_on
from captioner.insight.labels.syntax import SourceText


@LABELS.register("speaker")
@binary("inside the name of who speaks, as in ROMEO:", "prose")
def speaker(text: SourceText) -> Values:
    """Return 1 at every letter of a name that fills its line up to a colon."""
    found = re.finditer(r"^([A-Z][A-Za-z' ]{1,40}):$", text.characters, re.MULTILINE)
    return spans_on(len(text.characters), (one.span(1) for one in found))
