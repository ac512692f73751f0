"""Generate questions about a scene with their answers, so that no answer is likelier than another.

A question names a thing by attributes that the other thing does not have, and never by the one that it asks
for. So the answers to a kind of question are uniform, given any words of the question.
"""

from collections.abc import Callable
from itertools import permutations
from random import Random
from typing import NamedTuple

from captioner.scenes.language import RELATIONS, plural
from captioner.scenes.scene import COLOURS, OPPOSITE, SHAPES, Group, Scene


class SceneQuestion(NamedTuple):
    """A question, its only answer, and their types as in VQA: the answer's is yes/no, number or other."""

    text: str
    answer: str
    question_type: str
    answer_type: str


def questions(scene: Scene, rng: Random) -> list[SceneQuestion]:
    """Ask one question of each kind about each thing, where it is possible, and one about a number."""
    pairs = permutations(scene.groups)
    asked = [ask(scene, group, other, rng) for group, other in pairs for ask in _KINDS]
    by_text = {question.text: question for question in (*asked, ask_number(scene, rng)) if question}
    return list(by_text.values())


def name_of(group: Group) -> str:
    """Name a group by colour and shape, which no two groups share: `red circle`, `red circles`."""
    return f"{group.colour} {noun_of(group)}"


def noun_of(group: Group) -> str:
    """Return the name of the shape, in the plural for several."""
    return group.shape if group.number == 1 else plural(group.shape)


def is_or_are(group: Group) -> str:
    """Return the verb that agrees with the number of a group."""
    return "is" if group.number == 1 else "are"


def side_of(group: Group, scene: Scene) -> str:
    """Return on which side of the other group a group lies."""
    return scene.side if group is scene.group else OPPOSITE[scene.side]


def ask_number(scene: Scene, rng: Random) -> SceneQuestion:
    """Ask how many shapes of a kind there are; 0, 1, 2 and 3 are equally likely answers."""
    if rng.randrange(4):
        number, (colour, shape) = scene.group.number, (scene.group.colour, scene.group.shape)
    else:
        number, (colour, shape) = 0, absent_kind(scene, rng.choice(scene.groups), rng)
    return SceneQuestion(f"How many {colour} {plural(shape)} are there?", str(number), "how many", "number")


def _colour(scene: Scene, group: Group, other: Group, rng: Random) -> SceneQuestion | None:
    if (group.size, group.shape) == (other.size, other.shape):
        return None
    text = f"What color {is_or_are(group)} the {group.size} {noun_of(group)}?"
    return SceneQuestion(text, group.colour, "what color", "other")


def _shape(scene: Scene, group: Group, other: Group, rng: Random) -> SceneQuestion | None:
    if (group.size, group.colour) == (other.size, other.colour):
        return None
    thing = "thing" if group.number == 1 else "things"
    text = f"What shape {is_or_are(group)} the {group.size} {group.colour} {thing}?"
    return SceneQuestion(text, group.shape, "what shape", "other")


def _size(scene: Scene, group: Group, other: Group, rng: Random) -> SceneQuestion:
    return SceneQuestion(
        f"What size {is_or_are(group)} the {name_of(group)}?", group.size, "what size", "other"
    )


def _side(scene: Scene, group: Group, other: Group, rng: Random) -> SceneQuestion:
    text = f"On which side of the {name_of(other)} {is_or_are(group)} the {name_of(group)}?"
    return SceneQuestion(text, side_of(group, scene), "on which side", "other")


def _is_there(scene: Scene, group: Group, other: Group, rng: Random) -> SceneQuestion:
    is_there = rng.random() < 0.5
    colour, shape = (group.colour, group.shape) if is_there else absent_kind(scene, group, rng)
    return _yes_no(f"Is there any {colour} {shape}?", is_there, "is there")


def _is_on_side(scene: Scene, group: Group, other: Group, rng: Random) -> SceneQuestion:
    true_side, is_so = side_of(group, scene), rng.random() < 0.5
    asked = true_side if is_so else rng.choice([side for side in OPPOSITE if side != true_side])
    text = f"{is_or_are(group).capitalize()} the {name_of(group)} {RELATIONS[asked]} the {name_of(other)}?"
    return _yes_no(text, is_so, "is the")


def _yes_no(text: str, is_so: bool, question_type: str) -> SceneQuestion:
    return SceneQuestion(text, "yes" if is_so else "no", question_type, "yes/no")


def absent_kind(scene: Scene, group: Group, rng: Random) -> tuple[str, str]:
    """Draw a colour and a shape that no group has together.

    Args:
        scene: whose groups are meant.
        group: a group that has one of the two, so that colour or shape alone do not give the answer.
        rng: the random numbers.

    Returns:
        Colour and shape.
    """
    there = {(one.colour, one.shape) for one in scene.groups}
    while True:
        other_colour = rng.random() < 0.5
        kind = (
            (rng.choice(list(COLOURS)), group.shape) if other_colour else (group.colour, rng.choice(SHAPES))
        )
        if kind not in there:
            return kind


_KINDS: list[Callable[[Scene, Group, Group, Random], SceneQuestion | None]] = [
    *(_colour, _shape, _size, _side, _is_there, _is_on_side),
]
