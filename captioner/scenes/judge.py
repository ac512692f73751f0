"""Judge whether a caption is true of a scene. The parser shares no words or templates with `language`.

    caption  = phrase | opening phrase | [opening] phrase [verb] relation phrase
             | relation phrase [opening | verb] phrase
    opening  = "there" ("is" | "are")
    phrase   = [article] [number] {size | colour} shape

Letter case, commas and a closing period do not matter. Any other word makes a caption unparsable.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from captioner.scenes.scene import OPPOSITE, Box, Group, Scene

_ARTICLES = {"a", "an"}
_NUMBERS = {"one": 1, "two": 2, "three": 3, "1": 1, "2": 2, "3": 3}
_SIZES = {"large": "large", "big": "large", "small": "small", "little": "small"}
_COLOURS = {"red", "green", "blue", "yellow", "purple", "black"}
_SINGULARS = {
    "circle": "circle",
    "disc": "circle",
    "disk": "circle",
    "square": "square",
    "triangle": "triangle",
    "star": "star",
    "cross": "cross",
}
_PLURALS = {("crosses" if word == "cross" else f"{word}s"): shape for word, shape in _SINGULARS.items()}
_RELATIONS: Mapping[tuple[str, ...], str] = {
    **{
        (*lead, side, "of"): side for side in ("left", "right") for lead in ((), ("to", "the"), ("on", "the"))
    },
    ("above",): "above",
    ("over",): "above",
    ("below",): "below",
    ("under",): "below",
    ("underneath",): "below",
    ("beneath",): "below",
}
_VERBS = {"is", "are", "sits", "sit", "lies", "lie"}


class Statement(NamedTuple):
    """A statement of a caption, in the caption's words, and whether it is true."""

    text: str
    true: bool


class NounMention(NamedTuple):
    """The noun of a phrase: its index among the caption's whitespace tokens, and the boxes of what it names.

    There are no boxes if its phrase is not true.
    """

    word_index: int
    boxes: list[Box]


class Verdict(NamedTuple):
    """The result of judging a caption.

    Args:
        parsed: the caption fits the grammar.
        is_complete: it names two things, each with number, size, colour and shape, and their relation.
        is_true: parsed, and every statement is true.
        statements: one for each phrase, then one for the relation if there is one.
        nouns: one for each phrase.
    """

    parsed: bool
    is_complete: bool
    is_true: bool
    statements: list[Statement]
    nouns: list[NounMention]


def judge(caption: str, scene: Scene) -> Verdict:
    """Parse a caption and compare each of its statements with a scene."""
    words = [word.strip(".,") for word in caption.lower().split()]
    parsed = _Parser(words).caption()
    if parsed is None:
        return Verdict(False, False, False, [], [])
    statements = [Statement(phrase.text, phrase.holds(scene)) for phrase in parsed.phrases]
    if parsed.side:
        statements.append(Statement(" ".join(filter(None, words)), parsed.relation_holds(scene)))
    return Verdict(
        parsed=True,
        is_complete=parsed.side is not None and all(phrase.is_full for phrase in parsed.phrases),
        is_true=all(statement.true for statement in statements),
        statements=statements,
        nouns=[NounMention(phrase.noun_index, phrase.boxes(scene)) for phrase in parsed.phrases],
    )


@dataclass(frozen=True)
class _Phrase:
    """A noun phrase; an attribute that it does not mention is None."""

    text: str
    noun_index: int
    number: int | None
    size: str | None
    colour: str | None
    shape: str

    @property
    def is_full(self) -> bool:
        return None not in (self.number, self.size, self.colour)

    def named(self, scene: Scene) -> list[Group]:
        """Return the groups with these attributes, whatever their number."""
        return [
            group
            for group in scene.groups
            if group.shape == self.shape
            and self.size in (None, group.size)
            and self.colour in (None, group.colour)
        ]

    def holds(self, scene: Scene) -> bool:
        """Tell whether the scene has exactly this number of such shapes, or any if there is no number."""
        found = sum(group.number for group in self.named(scene))
        return found == self.number if self.number else found > 0

    def boxes(self, scene: Scene) -> list[Box]:
        if not self.holds(scene):
            return []
        return [member.box for group in self.named(scene) for member in group.members]


class _Parsed(NamedTuple):
    """One phrase, or two and on which side of the second the first lies."""

    phrases: list[_Phrase]
    side: str | None

    def relation_holds(self, scene: Scene) -> bool:
        group, anchor = [scene.group], [scene.anchor]
        named = [phrase.named(scene) for phrase in self.phrases]
        if not all(phrase.holds(scene) for phrase in self.phrases):
            return False
        return (named == [group, anchor] and self.side == scene.side) or (
            named == [anchor, group] and self.side == OPPOSITE[scene.side]
        )


class _Parser:
    """A recursive descent parser: each method consumes the words that fit its rule, or returns None."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words
        self.at = 0

    def caption(self) -> _Parsed | None:
        """Parse the whole caption; None if a word is left over or missing."""
        side = self._relation()
        parsed = self._relation_first(side) if side else self._subject_first()
        self._skip_marks()
        return parsed if self.at == len(self.words) else None

    def _relation_first(self, side: str) -> _Parsed | None:
        object_ = self._phrase()
        if not self._opening():
            self._word(_VERBS)
        subject = self._phrase()
        return _Parsed([object_, subject], OPPOSITE[side]) if object_ and subject else None

    def _subject_first(self) -> _Parsed | None:
        is_opened = self._opening()
        subject = self._phrase()
        if subject is None:
            return None
        is_claimed = not is_opened and self._word(_VERBS) is not None
        side = self._relation()
        if side is None:
            return None if is_claimed else _Parsed([subject], None)
        object_ = self._phrase()
        return _Parsed([subject, object_], side) if object_ else None

    def _opening(self) -> bool:
        return self._sequence(("there", "is")) or self._sequence(("there", "are"))

    def _relation(self) -> str | None:
        return next((side for words, side in _RELATIONS.items() if self._sequence(words)), None)

    def _phrase(self) -> _Phrase | None:
        self._skip_marks()
        start = self.at
        number = self._number()
        size = colour = None
        while word := self._word({*(() if size else _SIZES), *(() if colour else _COLOURS)}):
            if word in _SIZES:
                size = _SIZES[word]
            else:
                colour = word
        noun = self._word(_SINGULARS if number == 1 else _PLURALS if number else _SINGULARS | _PLURALS)
        if noun is None:
            return None
        text = " ".join(self.words[start : self.at])
        return _Phrase(text, self.at - 1, number, size, colour, (_SINGULARS | _PLURALS)[noun])

    def _number(self) -> int | None:
        if self._word(_ARTICLES):
            return 1
        self._word({"the"})
        number = self._word(_NUMBERS)
        return _NUMBERS[number] if number else None

    def _word(self, known: Container[str]) -> str | None:
        self._skip_marks()
        if self.at < len(self.words) and self.words[self.at] in known:
            self.at += 1
            return self.words[self.at - 1]
        return None

    def _sequence(self, words: tuple[str, ...]) -> bool:
        self._skip_marks()
        if tuple(self.words[self.at : self.at + len(words)]) != words:
            return False
        self.at += len(words)
        return True

    def _skip_marks(self) -> None:
        """Skip tokens that were only punctuation."""
        while self.at < len(self.words) and not self.words[self.at]:
            self.at += 1
