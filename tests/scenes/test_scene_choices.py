"""Multiple-choice questions about scenes: answers are right, the others wrong, and nothing reveals them."""

import re
from collections import Counter, defaultdict
from random import Random

import pytest

from captioner.scenes.choices import pointing, telling
from captioner.scenes.draw import draw_scene
from captioner.scenes.scene import COLOURS, IMAGE_SIZE, SHAPES

SCENES = [draw_scene(Random(f"choices/{k}")) for k in range(1500)]
TELLING = [(scene, q) for k, scene in enumerate(SCENES) for q in telling(scene, Random(k))]
POINTING = [(scene, q) for k, scene in enumerate(SCENES) for q in pointing(scene, Random(k))]
SIDES = {"to the left": (-1, 0), "to the right": (1, 0), "above": (0, -1), "below": (0, 1)}


def named(text, scene):
    """The one thing with the size, colour and shape among the words of `text`."""
    words = {word.removesuffix("s") for word in re.findall(r"\w+", text.lower())}
    keys = {"size": ("small", "large"), "colour": COLOURS, "shape": SHAPES}
    mentioned = {key: word for key, known in keys.items() for word in known if word in words}
    (found,) = [g for g in scene.groups if all(getattr(g, key) == word for key, word in mentioned.items())]
    return found


def centre(group):
    return [sum(getattr(m, axis) for m in group.members) / group.number for axis in "xy"]


def expected(text, scene):
    """The answer, from the words of the question and from where things are."""
    if text.startswith("What"):
        key = {"color": "colour", "shape": "shape"}[text.split()[1]]
        return getattr(named(text, scene), key)
    if text.startswith("How many"):
        colour, shapes = text.split()[2:4]
        return str(sum(g.number for g in scene.groups if f"{g.colour} {g.shape}s" == f"{colour} {shapes}"))
    thing, other = (centre(named(part, scene)) for part in text.split(", seen from "))
    return max(SIDES, key=lambda s: sum((a - b) * d for a, b, d in zip(thing, other, SIDES[s], strict=True)))


def test_every_answer_in_words_is_right_and_the_others_are_the_rest():
    all_answers = defaultdict(set)
    for scene, question in TELLING:
        assert question.answer.rstrip(".").lower() == expected(question.text, scene), question
        choices = {question.answer, *question.others}
        assert len(choices) == 1 + len(question.others) == 4
        all_answers[" ".join(question.text.split()[:2])].add(frozenset(choices))
    assert len(all_answers) == 5  # what color, what shape, how many, where is, where are
    assert all(len(choices) == 1 for choices in all_answers.values())


def test_a_place_is_the_thing_asked_for_and_the_others_are_not():
    for scene, question in POINTING:
        boxes = {member.box: group for group in scene.groups for member in group.members}
        thing, other = boxes[question.answer], boxes[question.others[0]]
        assert thing is not other
        text = question.text.rstrip("?")
        if ends := re.search(r"(left|right|top|bottom)$", text):
            far = {"left": min, "right": max, "top": min, "bottom": max}[ends[1]]
            axis = ends[1] in ("top", "bottom")
            assert far((thing, other), key=lambda group: centre(group)[axis]) is thing
        else:
            assert named(text, scene) is thing


def test_empty_places_are_inside_the_picture_and_touch_nothing():
    for scene, question in POINTING:
        taken = [shape.box for shape in scene.shapes]
        for box in question.others[1:]:
            assert 0 <= box.x0 < box.x1 <= IMAGE_SIZE
            assert 0 <= box.y0 < box.y1 <= IMAGE_SIZE
            for other in taken:
                assert box.x1 < other.x0 or other.x1 < box.x0 or box.y1 < other.y0 or other.y1 < box.y0
            taken.append(box)


def uniform_enough(counts, choices):
    share = sum(counts.values()) / choices
    spread = sum((n - share) ** 2 / share for n in counts.values())
    return len(counts) == choices and spread < choices + 5 * (2 * choices) ** 0.5


@pytest.mark.parametrize("kind", ["What color", "What shape", "How many", "Where is", "Where are"])
def test_no_word_of_a_question_makes_an_answer_likelier(kind):
    answers = defaultdict(Counter)
    for _, question in TELLING:
        if question.text.startswith(kind):
            for word in {"", *re.findall(r"\w+", question.text)}:
                answers[word][question.answer] += 1
    often = {word: counts for word, counts in answers.items() if sum(counts.values()) > 100}
    assert len(often) > 8
    for word, counts in often.items():
        assert uniform_enough(counts, 4), (word, counts)


def test_which_thing_is_asked_for_does_not_show_in_the_boxes():
    """Group or anchor, one or many, large or small: as often the answer as not."""
    counts = Counter()
    for scene, question in POINTING:
        group = next(g for g in scene.groups if question.answer in [m.box for m in g.members])
        counts[group is scene.group] += 1
        counts[f"{group.size}"] += 1
    assert counts[True] == counts[False]
