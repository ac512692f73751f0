"""Questions about a scene with their answers, asked so that no answer is likelier than another.

A question names a thing by what tells it from the other one and never by what it asks for, so each
answer of a kind of question comes equally often, whatever the words of the question.
"""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from captioner.scenes.language import RELATIONS, plural
from captioner.scenes.scene import COLOURS, OPPOSITE, SHAPES, Group, Scene

QUESTIONS_PER_SCENE = 3


class Question(NamedTuple):
    """A question, its one answer, and the VQA classes of both."""

    text: str
    answer: str
    question_type: str
    answer_type: str  # "yes/no", "number" or "other"


def questions(scene: Scene, rng: Random) -> list[Question]:
    """QUESTIONS_PER_SCENE questions of different kinds."""
    asked: list[Question] = []
    for ask in rng.sample(_KINDS, len(_KINDS)):
        question = ask(scene, rng)
        if question and len(asked) < QUESTIONS_PER_SCENE:
            asked.append(question)
    return asked


def _one_of(scene: Scene, rng: Random) -> tuple[Group, Group]:
    """A thing to ask about, and the other one."""
    first, second = rng.sample(scene.groups, 2)
    return first, second


def _name(group: Group) -> str:
    """The thing by colour and shape, which tell any two things apart: `red circle`, `red circles`."""
    return f"{group.colour} {_noun(group)}"


def _noun(group: Group) -> str:
    return group.shape if group.number == 1 else plural(group.shape)


def _be(group: Group) -> str:
    return "is" if group.number == 1 else "are"


def _colour(scene: Scene, rng: Random) -> Question | None:
    group, other = _one_of(scene, rng)
    if (group.size, group.shape) == (other.size, other.shape):
        return None
    text = f"What color {_be(group)} the {group.size} {_noun(group)}?"
    return Question(text, group.colour, "what color", "other")


def _shape(scene: Scene, rng: Random) -> Question | None:
    group, other = _one_of(scene, rng)
    if (group.size, group.colour) == (other.size, other.colour):
        return None
    thing = "thing" if group.number == 1 else "things"
    return Question(
        f"What shape {_be(group)} the {group.size} {group.colour} {thing}?",
        group.shape,
        "what shape",
        "other",
    )


def _size(scene: Scene, rng: Random) -> Question:
    group, _ = _one_of(scene, rng)
    return Question(f"What size {_be(group)} the {_name(group)}?", group.size, "what size", "other")


def _number(scene: Scene, rng: Random) -> Question:
    """None, one, two and three are equally likely: the number of a group is one to three."""
    if rng.randrange(4):
        number, (colour, shape) = scene.group.number, (scene.group.colour, scene.group.shape)
    else:
        number, (colour, shape) = 0, _absent(scene, rng)
    return Question(f"How many {colour} {plural(shape)} are there?", str(number), "how many", "number")


def _side(scene: Scene, rng: Random) -> Question:
    group, other = _one_of(scene, rng)
    text = f"On which side of the {_name(other)} {_be(group)} the {_name(group)}?"
    return Question(text, _side_of(group, scene), "on which side", "other")


def _is_there(scene: Scene, rng: Random) -> Question:
    group, _ = _one_of(scene, rng)
    is_there = rng.random() < 0.5
    colour, shape = (group.colour, group.shape) if is_there else _absent(scene, rng)
    return _yes_no(f"Is there any {colour} {shape}?", is_there, "is there")


def _is_on_side(scene: Scene, rng: Random) -> Question:
    group, other = _one_of(scene, rng)
    true_side, is_so = _side_of(group, scene), rng.random() < 0.5
    told = true_side if is_so else rng.choice([side for side in OPPOSITE if side != true_side])
    text = f"{_be(group).capitalize()} the {_name(group)} {RELATIONS[told]} the {_name(other)}?"
    return _yes_no(text, is_so, "is the")


def _yes_no(text: str, is_so: bool, question_type: str) -> Question:
    return Question(text, "yes" if is_so else "no", question_type, "yes/no")


def _side_of(group: Group, scene: Scene) -> str:
    return scene.side if group is scene.group else OPPOSITE[scene.side]


def _absent(scene: Scene, rng: Random) -> tuple[str, str]:
    """A colour and shape that are not there together, one of them that of a thing that is there."""
    there = {(group.colour, group.shape) for group in scene.groups}
    group, _ = _one_of(scene, rng)
    while True:
        kind = (
            (rng.choice(list(COLOURS)), group.shape)
            if rng.random() < 0.5
            else (group.colour, rng.choice(SHAPES))
        )
        if kind not in there:
            return kind


_KINDS: list[Callable[[Scene, Random], Question | None]] = [
    *(_colour, _shape, _size, _number, _side, _is_there, _is_on_side),
]
