"""Inside a formula of LaTeX."""

import re

from captioner.insight.labels.base import LABELS, Values, binary, spans_on
from captioner.insight.labels.syntax import SourceText

_FORMULA = re.compile(
    r"\\.(?<!\\\[)|(?P<formula>\$\$(?s:.+?)\$\$|\$(?:\\.|[^$\\\n]|\n(?!\s*\n))+\$|\\\[(?s:.*?)\\\]|"
    r"\\begin\{(?P<name>equation|align|gather|multline|eqnarray)(?P<star>\*?)\}(?s:.*?)\\end\{(?P=name)(?P=star)\})"
)


@LABELS.register("math")
@binary("inside a formula: $...$, \\[...\\] or an environment", "latex")
def math(text: SourceText) -> Values:
    """Return 1 from the opening to the last character before the closing is complete."""
    found = (one for one in _FORMULA.finditer(text.characters) if one["formula"])
    return spans_on(len(text.characters), ((one.start(), one.end() - 1) for one in found))
