"""Multiple-choice questions about a scene, as in Visual7W: telling (in words) and pointing (at boxes).

The four choices of a telling question are all the answers that such a question can have; those of a pointing
question are a box of each thing and two empty boxes. Each choice is right equally often, so that neither the
question nor the choices reveal the answer. Questions with only two answers (sizes, yes or no) are left out.

Source: Zhu, Groth, Bernstein and Fei-Fei (2016), Visual7W.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import NamedTuple

from captioner.scenes.language import plural
from captioner.scenes.questions import absent_kind, is_or_are, name_of, noun_of, side_of
from captioner.scenes.scene import COLOURS, IMAGE_SIZE, MARGIN, SHAPES, Box, Group, Scene

_PLACES = {"left": "to the left", "right": "to the right", "above": "above", "below": "below"}
_ENDS = {"left": "on the left", "right": "on the right", "above": "at the top", "below": "at the bottom"}


class SceneTellingQuestion(NamedTuple):
    """A question, its answer in words, and three wrong answers."""

    text: str
    answer: str
    others: tuple[str, ...]


class ScenePointingQuestion(NamedTuple):
    """A question, the box that answers it, and three wrong boxes."""

    text: str
    answer: Box
    others: tuple[Box, ...]


def telling(scene: Scene, rng: Random) -> list[SceneTellingQuestion]:
    """Ask for colour, shape and side of both things, where the question need not name it, and for numbers."""
    asked = []
    for thing, other in itertools.permutations(scene.groups):
        if (thing.size, thing.shape) != (other.size, other.shape):
            text = f"What color {is_or_are(thing)} the {thing.size} {noun_of(thing)}?"
            asked.append(_telling(text, thing.colour, COLOURS))
        if (thing.size, thing.colour) != (other.size, other.colour):
            noun = "thing" if thing.number == 1 else "things"
            text = f"What shape {is_or_are(thing)} the {thing.size} {thing.colour} {noun}?"
            asked.append(_telling(text, thing.shape, SHAPES))
        text = f"Where {is_or_are(thing)} the {name_of(thing)}, seen from the {name_of(other)}?"
        asked.append(_telling(text, _PLACES[side_of(thing, scene)], _PLACES.values()))
    counted = [((scene.group.colour, scene.group.shape), scene.group.number)]
    if not rng.randrange(3):  # so that none is as likely as one, two or three
        counted.append((absent_kind(scene, rng.choice(scene.groups), rng), 0))
    for (colour, shape), number in counted:
        asked.append(_telling(f"How many {colour} {plural(shape)} are there?", str(number), "0123"))
    return asked


def _telling(text: str, answer: str, answers: Iterable[str]) -> SceneTellingQuestion:
    wrong = tuple(_sentence(other) for other in answers if other != answer)
    return SceneTellingQuestion(text, _sentence(answer), wrong)


def _sentence(answer: str) -> str:
    return f"{answer[0].upper()}{answer[1:]}."


def pointing(scene: Scene, rng: Random) -> list[ScenePointingQuestion]:
    """Ask which box shows a thing, by each of colour, shape, size and side that only this thing has."""
    asked = []
    for thing, other in itertools.permutations(scene.groups):
        for text, value in _POINTING.items():
            if value(thing, scene) != value(other, scene):
                answer, wrong = rng.choice(thing.members).box, rng.choice(other.members).box
                empty: list[Box] = []
                for like in (answer, wrong):
                    taken = [*(shape.box for shape in scene.shapes), *empty]
                    empty.append(_empty(like, taken, rng))
                asked.append(ScenePointingQuestion(text.format(value(thing, scene)), answer, (wrong, *empty)))
    return asked


_POINTING: Mapping[str, Callable[[Group, Scene], str]] = {
    "Which thing is {}?": lambda thing, scene: thing.colour,
    "Which thing is a {}?": lambda thing, scene: thing.shape,
    "Which is the {} thing?": lambda thing, scene: thing.size,
    "Which thing lies {}?": lambda thing, scene: _ENDS[side_of(thing, scene)],
}


def _empty(like: Box, taken: Iterable[Box], rng: Random) -> Box:
    """Draw a box without a shape, as large as `like`; smaller where the picture is full."""
    width, height = like.x1 - like.x0, like.y1 - like.y0
    while True:
        x, y = rng.uniform(0, IMAGE_SIZE - width), rng.uniform(0, IMAGE_SIZE - height)
        box = Box(x, y, x + width, y + height)
        if not any(_touch(box, other) for other in taken):
            return box
        width, height = 0.99 * width, 0.99 * height


def _touch(a: Box, b: Box) -> bool:
    apart = max(a.x0 - b.x1, b.x0 - a.x1, a.y0 - b.y1, b.y0 - a.y1)
    return apart < MARGIN
