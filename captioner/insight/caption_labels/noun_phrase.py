"""Inside a noun phrase."""

from collections.abc import Sequence

from captioner.insight.caption_labels.base import CAPTION_LABELS, Values, caption_label

_DETERMINERS = """
a an the this that these those some several many two three four five six his her their its another
each both one
"""
_ENDS = """
in on at of with and or to from by near behind under over through into onto for is are has have
while as next beside between along across down up off out above below against around after before
toward towards during inside outside that who which where it he she they being not but
"""
DETERMINERS = frozenset(_DETERMINERS.split())
ENDS = frozenset(_ENDS.split())
"""Words of closed classes, which are of no noun phrase but their own."""


@CAPTION_LABELS.register("noun_phrase")
@caption_label("inside a noun phrase that began with a determiner")
def noun_phrase(words: Sequence[str]) -> Values:
    """Return 1 from a determiner on, up to a preposition, an auxiliary, a conjunction or a word in -ing.

    That is a rule of thumb for captions, without a parser: "a man in [a red shirt] is riding [a bike]".
    """
    values, inside = [], False
    for word in words:
        if word in DETERMINERS:
            inside = True
        elif word in ENDS or word.endswith("ing"):
            inside = False
        values.append(float(inside))
    return values
