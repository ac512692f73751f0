"""Capital letters."""

import re

from captioner.insight.labels.base import LABELS, Values, binary, spans_on
from captioner.insight.labels.syntax import SourceText


@LABELS.register("capitals")
@binary("inside a run of two or more capitals")
def capitals(text: SourceText) -> Values:
    """Return 1 from the second of the capitals to the last."""
    found = re.finditer(r"[^\W\d_a-z]{2,}", text.characters)
    runs = (one for one in found if one.group().isupper())
    return spans_on(len(text.characters), ((one.start() + 1, one.end()) for one in runs))
