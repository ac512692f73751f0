"""Generate true captions of a scene: one canonical sentence, and five varied references.

    subject relation object     a large red circle is to the left of two small blue squares

Either thing may be the subject. The five references use five fixed templates, the canonical one among them,
so that neither the content nor the form of a caption is random; only synonyms are drawn.
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

# Synonyms of the canonical words.
_SIZE_WORDS: Mapping[str, str] = {"large": "big", "small": "little"}
_SHAPE_WORDS: Mapping[str, str] = {"circle": "disc"}
_RELATION_WORDS: Mapping[str, tuple[str, ...]] = {
    "left": ("left of", "on the left of"),
    "right": ("right of", "on the right of"),
    "above": ("over",),
    "below": ("under", "beneath"),
}
_VERBS = (("sits", "sit"), ("lies", "lie"))


class _Template(NamedTuple):
    """A sentence with gaps, whether the group is its subject, and whether synonyms are drawn."""

    words: str
    group_is_subject: bool
    varied: bool


_TEMPLATES = (
    _Template("{subject} {be} {relation} {object}", True, False),
    _Template("{subject} {be} {relation} {object}", False, False),
    _Template("there {be} {subject} {relation} {object}", True, False),
    _Template("{subject} {verb} {relation} {object}", True, True),
    _Template("{relation} {object} {be} {subject}", False, True),
)


def noun_phrase(group: Group) -> str:
    """Describe a group in the canonical words, such as `two small blue squares`.

    No size begins with a vowel sound, so the article is always `a`.
    """
    return _phrase(group, group.size, group.shape)


def plural(noun: str) -> str:
    """Return the plural of a shape's name.

    >>> plural("cross"), plural("square")
    ('crosses', 'squares')
    """
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"


def canonical(scene: Scene) -> str:
    """Return the canonical caption, whose subject is the group."""
    verb = "is" if scene.group.number == 1 else "are"
    words = (noun_phrase(scene.group), verb, RELATIONS[scene.side], noun_phrase(scene.anchor))
    return _sentence(" ".join(words))


def references(scene: Scene, rng: Random) -> list[str]:
    """Return five different true captions, one by each template, in random order."""
    captions = [_caption(scene, template, rng) for template in _TEMPLATES]
    rng.shuffle(captions)
    return captions


def _caption(scene: Scene, template: _Template, rng: Random) -> str:
    subject, side, object_ = scene.group, scene.side, scene.anchor
    if not template.group_is_subject:
        subject, side, object_ = scene.anchor, OPPOSITE[scene.side], scene.group
    is_plural = subject.number > 1
    words = {
        "subject": _varied_phrase(subject, rng) if template.varied else noun_phrase(subject),
        "object": _varied_phrase(object_, rng) if template.varied else noun_phrase(object_),
        "relation": rng.choice(_RELATION_WORDS[side]) if template.varied else RELATIONS[side],
        "verb": rng.choice(_VERBS)[is_plural],
        "be": "are" if is_plural else "is",
    }
    return _sentence(template.words.format(**words))


def _varied_phrase(group: Group, rng: Random) -> str:
    size = rng.choice((group.size, _SIZE_WORDS[group.size]))
    return _phrase(group, size, rng.choice((group.shape, _SHAPE_WORDS.get(group.shape, group.shape))))


def _phrase(group: Group, size: str, noun: str) -> str:
    noun = noun if group.number == 1 else plural(noun)
    return f"{NUMBERS[group.number]} {size} {group.colour} {noun}"


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."
