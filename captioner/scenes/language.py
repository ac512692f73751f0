"""True captions of a scene: one canonical sentence, and varied ones as five people might write them.

    subject relation object     a large red circle is to the left of two small blue squares

Either side may be told first. The five references are five forms of sentence, the canonical one among them,
so that how a caption is put is as little a matter of chance as what it says; synonyms are drawn.
"""

from collections.abc import Mapping
from random import Random
from typing import NamedTuple

from captioner.scenes.scene import OPPOSITE, Group, Scene

NUMBERS: Mapping[int, str] = {1: "a", 2: "two", 3: "three"}
RELATIONS: Mapping[str, str] = {
    "left": "to the left of",
    "right": "to the right of",
    "above": "above",
    "below": "below",
}

# What may be said instead of the canonical words.
_SIZE_WORDS: Mapping[str, str] = {"large": "big", "small": "little"}
_SHAPE_WORDS: Mapping[str, str] = {"circle": "disc"}
_RELATION_WORDS: Mapping[str, tuple[str, ...]] = {
    "left": ("left of", "on the left of"),
    "right": ("right of", "on the right of"),
    "above": ("over",),
    "below": ("under", "beneath"),
}
_VERBS = (("sits", "sit"), ("lies", "lie"))


class _Frame(NamedTuple):
    """A form of sentence: its words, whether the group is its subject, and whether it takes other words."""

    words: str
    group_is_subject: bool
    varied: bool


_FRAMES = (
    _Frame("{subject} {be} {relation} {object}", True, False),
    _Frame("{subject} {be} {relation} {object}", False, False),
    _Frame("there {be} {subject} {relation} {object}", True, False),
    _Frame("{subject} {verb} {relation} {object}", True, True),
    _Frame("{relation} {object} {be} {subject}", False, True),
)


def noun_phrase(group: Group) -> str:
    """A group in the canonical words: `two small blue squares`.

    No colour or size begins with a vowel sound, so that one is always `a`.
    """
    return _phrase(group, group.size, group.shape)


def plural(noun: str) -> str:
    """More than one of a shape.

    >>> plural("cross"), plural("square")
    ('crosses', 'squares')
    """
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"


def canonical(scene: Scene) -> str:
    """The plainest true caption, told from the group."""
    verb = "is" if scene.group.number == 1 else "are"
    words = (noun_phrase(scene.group), verb, RELATIONS[scene.side], noun_phrase(scene.anchor))
    return _sentence(" ".join(words))


def references(scene: Scene, rng: Random) -> list[str]:
    """Five different true captions, one of each form of sentence, in any order."""
    told = [_caption(scene, frame, rng) for frame in _FRAMES]
    rng.shuffle(told)
    return told


def _caption(scene: Scene, frame: _Frame, rng: Random) -> str:
    subject, side, object_ = scene.group, scene.side, scene.anchor
    if not frame.group_is_subject:
        subject, side, object_ = scene.anchor, OPPOSITE[scene.side], scene.group
    is_plural = subject.number > 1
    words = {
        "subject": _varied_phrase(subject, rng) if frame.varied else noun_phrase(subject),
        "object": _varied_phrase(object_, rng) if frame.varied else noun_phrase(object_),
        "relation": rng.choice(_RELATION_WORDS[side]) if frame.varied else RELATIONS[side],
        "verb": rng.choice(_VERBS)[is_plural],
        "be": "are" if is_plural else "is",
    }
    return _sentence(frame.words.format(**words))


def _varied_phrase(group: Group, rng: Random) -> str:
    size = rng.choice((group.size, _SIZE_WORDS[group.size]))
    return _phrase(group, size, rng.choice((group.shape, _SHAPE_WORDS.get(group.shape, group.shape))))


def _phrase(group: Group, size: str, noun: str) -> str:
    noun = noun if group.number == 1 else plural(noun)
    return f"{NUMBERS[group.number]} {size} {group.colour} {noun}"


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."
