"""The judge: hand-made cases, and every reference true of its scene and false of any other like it."""

from dataclasses import replace
from random import Random

import pytest

from captioner.scenes.draw import draw_scene
from captioner.scenes.judge import judge
from captioner.scenes.language import references
from captioner.scenes.scene import COLOURS, DIAMETERS, OPPOSITE, SHAPES, Ground, Group, Scene, Shape

BLUE, RED = COLOURS["blue"], COLOURS["red"]
SQUARES = Group(
    "small", "blue", "square", (Shape("square", 20, 40, 15, 0, BLUE), Shape("square", 24, 70, 15, 0, BLUE))
)
CIRCLE = Group("large", "red", "circle", (Shape("circle", 80, 55, 30, 0, RED),))
SCENE = Scene(SQUARES, CIRCLE, "left", Ground("plain", ((200, 200, 200), (190, 190, 190)), 9.0, 0.0, 0))
DRAWN = [draw_scene(Random(f"judge/{k}")) for k in range(150)]


@pytest.mark.parametrize(
    "caption",
    [
        "Two small blue squares are to the left of a large red circle.",
        "two small blue squares are to the left of a large red circle",
        "two blue little squares lie left of one big red disc .",
        "A large red circle sits on the right of two small blue squares.",
        "There are two small blue squares to the left of a large red circle.",
        "To the left of a large red circle there are two small blue squares.",
        "to the left of a large red circle, there are two small blue squares",
        "To the right of two small blue squares is a large red circle.",
        "the two small blue squares are left of the one large red circle",
    ],
)
def test_true_and_complete(caption):
    verdict = judge(caption, SCENE)
    assert verdict.parsed
    assert verdict.is_true
    assert verdict.is_complete
    assert [statement.true for statement in verdict.statements] == [True, True, True]


@pytest.mark.parametrize(
    "caption",
    [
        "a red circle",
        "There are two squares.",
        "the squares",
        "a large red circle",
        "two small squares are left of a large red circle",
        "two blue squares are left of a large red circle",
        "the small blue squares are left of the large red circle",
    ],
)
def test_true_but_not_all_that_can_be_said(caption):
    verdict = judge(caption, SCENE)
    assert verdict.is_true
    assert not verdict.is_complete


@pytest.mark.parametrize(
    ("caption", "truths"),
    [
        ("Two small blue squares are to the right of a large red circle.", [True, True, False]),
        ("Two small blue squares are above a large red circle.", [True, True, False]),
        ("To the left of two small blue squares is a large red circle.", [True, True, False]),
        ("Three small blue squares are to the left of a large red circle.", [False, True, False]),
        ("A small blue square is to the left of a large red circle.", [False, True, False]),
        ("Two large blue squares are to the left of a large red circle.", [False, True, False]),
        ("Two small blue squares are to the left of a large green circle.", [True, False, False]),
        ("Two small blue stars are to the left of a large red circle.", [False, True, False]),
        ("Two small blue squares are to the left of two small blue squares.", [True, True, False]),
        ("a large red circle is to the left of a large red circle", [True, True, False]),
        ("a square", [False]),
    ],
)
def test_each_statement_is_judged(caption, truths):
    verdict = judge(caption, SCENE)
    assert verdict.parsed
    assert not verdict.is_true
    assert [statement.true for statement in verdict.statements] == truths


@pytest.mark.parametrize(
    "caption",
    [
        "",
        ".",
        "a",
        "a large red",
        "a large red circle is",
        "a large red circle is to the right of",
        "to the left of a large red circle",
        "to the left of a large red circle there are",
        "a two small blue squares",
        "two small blue square",
        "a small blue squares",
        "a large large red circle",
        "a red blue circle",
        "a large red circle a large red circle",
        "a large red circle is to the right of two small blue squares squares",
        "a large red circle is to the right of two small blue <unk>",
        "a shiny red circle",
        "above two small blue circle",
        "there is a large red circle is to the right of two small blue squares",
        "to the left of a large red circle is there two small blue squares",
    ],
)
def test_what_is_not_understood_is_not_true(caption):
    verdict = judge(caption, SCENE)
    assert verdict == (False, False, False, [], [])


def test_nouns_and_the_boxes_of_what_they_name():
    caption = "To the right of two small blue squares , is a large green circle ."
    squares, circle = judge(caption, SCENE).nouns
    assert caption.split()[squares.word_index] == "squares"
    assert caption.split()[circle.word_index] == "circle"
    assert squares.boxes == [
        pytest.approx((13.55, 33.55, 26.45, 46.45)),
        pytest.approx((17.55, 63.55, 30.45, 76.45)),
    ]
    assert circle.boxes == [], "no circle is green"
    assert judge("three blue squares", SCENE).nouns[0].boxes == [], "there are two"


def test_a_description_of_both_things_counts_both():
    both = replace(
        SCENE, anchor=replace(CIRCLE, shape="square", members=(Shape("square", 80, 55, 30, 0, RED),))
    )
    assert judge("three squares", both).is_true
    assert len(judge("three squares", both).nouns[0].boxes) == 3
    assert not judge("two squares", both).is_true
    assert not judge("two squares are left of a red square", both).is_true


def test_every_reference_is_true_and_complete():
    for k, scene in enumerate(DRAWN):
        for caption in references(scene, Random(k)):
            verdict = judge(caption, scene)
            assert verdict.is_true, caption
            assert verdict.is_complete, caption
            boxes = [box for noun in verdict.nouns for box in noun.boxes]
            assert sorted(boxes) == sorted(shape.box for shape in scene.shapes)


def altered(scene):
    """Scenes that differ in one attribute of one group, or in the relation."""
    for which in ("group", "anchor"):
        group = getattr(scene, which)
        for key, values in (("size", DIAMETERS), ("colour", COLOURS), ("shape", SHAPES)):
            for value in set(values) - {getattr(group, key)}:
                yield replace(scene, **{which: replace(group, **{key: value})})
        more = (*group.members, group.members[0])
        yield replace(scene, **{which: replace(group, members=more)})
        yield replace(scene, **{which: replace(group, members=group.members[1:])})
    for side in set(OPPOSITE) - {scene.side}:
        yield replace(scene, side=side)


def test_every_reference_is_false_of_a_scene_that_differs_in_anything():
    for k, scene in enumerate(DRAWN):
        others = list(altered(scene))
        assert len(others) == 21
        for caption in references(scene, Random(k)):
            for other in others:
                verdict = judge(caption, other)
                assert verdict.parsed
                assert not verdict.is_true, (caption, other)
