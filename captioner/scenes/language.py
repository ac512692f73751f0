"""True captions of a scene: one canonical sentence, and varied ones as five people might write them.

    subject relation object     a large red circle is to the left of two small blue squares

Either side may be told first; words and word order vary by chance, the usual ones more often.
"""

from collections.abc import Mapping
from random import Random
from typing import TypeVar

from captioner.scenes.scene import OPPOSITE, Group, Scene

NUM_REFERENCES = 5

NUMBERS: Mapping[int, str] = {1: "a", 2: "two", 3: "three"}
RELATIONS: Mapping[str, str] = {
    "left": "to the left of",
    "right": "to the right of",
    "above": "above",
    "below": "below",
}

# What may be said, and how often in a hundred; the first of each is the canonical one.
_SIZE_WORDS: Mapping[str, Mapping[str, int]] = {
    "large": {"large": 78, "big": 22},
    "small": {"small": 78, "little": 22},
}
_SHAPE_WORDS: Mapping[str, Mapping[str, int]] = {"circle": {"circle": 85, "disc": 15}}
_RELATION_WORDS: Mapping[str, Mapping[str, int]] = {
    "left": {"to the left of": 66, "left of": 20, "on the left of": 14},
    "right": {"to the right of": 66, "right of": 20, "on the right of": 14},
    "above": {"above": 75, "over": 25},
    "below": {"below": 66, "under": 20, "beneath": 14},
}
_VERBS: Mapping[tuple[str, str], int] = {("is", "are"): 70, ("sits", "sit"): 15, ("lies", "lie"): 15}
_ORDERS: Mapping[str, int] = {
    "{subject} {verb} {relation} {object}": 52,
    "{subject} {relation} {object}": 16,
    "there {be} {subject} {relation} {object}": 16,
    "{relation} {object} there {be} {subject}": 8,
    "{relation} {object} {be} {subject}": 8,
}
_GROUP_FIRST: Mapping[bool, int] = {True: 62, False: 38}

T = TypeVar("T")


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
    """NUM_REFERENCES different true captions."""
    told: dict[str, None] = {}
    while len(told) < NUM_REFERENCES:
        told[_caption(scene, rng)] = None
    return list(told)


def _caption(scene: Scene, rng: Random) -> str:
    if _pick(rng, _GROUP_FIRST):
        subject, side, object_ = scene.group, scene.side, scene.anchor
    else:
        subject, side, object_ = scene.anchor, OPPOSITE[scene.side], scene.group
    is_plural = subject.number > 1
    words = {
        "subject": _varied_phrase(subject, rng),
        "verb": _pick(rng, _VERBS)[is_plural],
        "be": "are" if is_plural else "is",
        "relation": _pick(rng, _RELATION_WORDS[side]),
        "object": _varied_phrase(object_, rng),
    }
    return _sentence(_pick(rng, _ORDERS).format(**words))


def _varied_phrase(group: Group, rng: Random) -> str:
    return _phrase(
        group,
        _pick(rng, _SIZE_WORDS[group.size]),
        _pick(rng, _SHAPE_WORDS.get(group.shape, {group.shape: 1})),
    )


def _phrase(group: Group, size: str, noun: str) -> str:
    noun = noun if group.number == 1 else plural(noun)
    return f"{NUMBERS[group.number]} {size} {group.colour} {noun}"


def _pick(rng: Random, weights: Mapping[T, int]) -> T:
    return rng.choices(list(weights), list(weights.values()))[0]


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."
