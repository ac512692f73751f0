"""Drawn scenes: their description holds in their geometry and in their pixels."""

import itertools
import json
from collections import Counter
from dataclasses import asdict, replace
from random import Random

import numpy as np
import pytest

from captioner.scenes.draw import draw_scene
from captioner.scenes.render import render
from captioner.scenes.scene import (
    COLOURS,
    DIAMETERS,
    IMAGE_SIZE,
    OPPOSITE,
    OUTLINES,
    PATTERNS,
    SHAPES,
    Scene,
    Shape,
)

SCENES = [draw_scene(Random(f"drawing/{k}")) for k in range(1200)]


def far_edge(boxes, side):
    """The edge of the boxes on `side`, signed so that larger is further that way."""
    index, sign = {"left": (0, -1), "above": (1, -1), "right": (2, 1), "below": (3, 1)}[side]
    return max(sign * box[index] for box in boxes)


def test_the_same_random_state_gives_the_same_scene():
    assert draw_scene(Random(7)) == draw_scene(Random(7)) != draw_scene(Random(8))


def test_a_scene_survives_json():
    for scene in SCENES[:50]:
        assert Scene.from_dict(json.loads(json.dumps(asdict(scene)))) == scene


def test_shapes_lie_apart_and_inside_the_picture():
    for scene in SCENES:
        boxes = [shape.box for shape in scene.shapes]
        assert 2 <= len(boxes) <= 4
        for box in boxes:
            assert 0 < box.x0 < box.x1 < IMAGE_SIZE
            assert 0 < box.y0 < box.y1 < IMAGE_SIZE
        for one, other in itertools.combinations(boxes, 2):
            gap_x = max(one.x0, other.x0) - min(one.x1, other.x1)
            gap_y = max(one.y0, other.y0) - min(one.y1, other.y1)
            assert max(gap_x, gap_y) > 1, "the next shape starts at least a pixel further"


def test_the_group_is_wholly_on_its_side_and_on_no_other():
    for scene in SCENES:
        group = [member.box for member in scene.group.members]
        anchor = [scene.anchor.members[0].box]
        opposite = OPPOSITE[scene.side]
        assert far_edge(group, opposite) < -far_edge(anchor, scene.side)
        x = np.mean([m.x for m in scene.group.members]) - scene.anchor.members[0].x
        y = np.mean([m.y for m in scene.group.members]) - scene.anchor.members[0].y
        along, across = (x, y) if scene.side in ("left", "right") else (y, x)
        assert abs(along) > 1.5 * abs(across)
        assert (along < 0) == (scene.side in ("left", "above"))


def test_members_are_alike_and_group_and_anchor_differ():
    for scene in SCENES:
        for group in scene.groups:
            assert {m.name for m in group.members} == {group.shape}
            assert len({(m.rgb, m.diameter) for m in group.members}) == 1
            assert np.abs(np.subtract(group.members[0].rgb, COLOURS[group.colour])).max() <= 10
            low, high = DIAMETERS[group.size]
            assert low <= group.members[0].diameter <= high
        assert (scene.group.colour, scene.group.shape) != (scene.anchor.colour, scene.anchor.shape)
        assert scene.group.number > 1 or (scene.group.size, scene.anchor.size) == ("large", "small")


@pytest.mark.parametrize(
    ("read", "choices"),
    [
        (lambda s: s.group.number, 3),
        (lambda s: s.side, 4),
        (lambda s: s.group.colour, len(COLOURS)),
        (lambda s: s.anchor.colour, len(COLOURS)),
        (lambda s: s.group.shape, len(SHAPES)),
        (lambda s: s.anchor.shape, len(SHAPES)),
        (lambda s: s.ground.pattern, len(PATTERNS)),
        (lambda s: (s.side, s.group.number), 12),
        (lambda s: (s.group.number, s.anchor.shape), 12),
    ],
)
def test_attributes_are_uniform_and_independent(read, choices):
    assert is_uniform(Counter(map(read, SCENES)), choices)


def test_sizes_are_uniform_where_the_number_tells_group_from_anchor():
    several = [s for s in SCENES if s.group.number > 1]
    assert is_uniform(Counter((s.group.size, s.anchor.size, s.group.number) for s in several), 8)


def is_uniform(counts, choices):
    expected = counts.total() / choices
    chi_square = sum((n - expected) ** 2 / expected for n in counts.values())
    return len(counts) == choices and chi_square < choices + 5 * (2 * choices) ** 0.5


def test_only_the_boxes_differ_from_the_bare_ground_and_they_fit_closely():
    for scene in SCENES[:60]:
        bare = replace(
            scene, group=replace(scene.group, members=()), anchor=replace(scene.anchor, members=())
        )
        changed = (np.asarray(render(scene)) != np.asarray(render(bare))).any(axis=2)
        for shape in scene.shapes:
            box = shape.box
            x0, y0, x1, y1 = int(box.x0), int(box.y0), int(box.x1) + 1, int(box.y1) + 1
            rows, columns = np.nonzero(changed[y0:y1, x0:x1])
            assert min(rows.min(), columns.min()) <= 1
            assert y1 - y0 - rows.max() <= 2
            assert x1 - x0 - columns.max() <= 2
            changed[y0:y1, x0:x1] = False
        assert not changed.any()


def test_a_shape_has_its_exact_colour_and_nothing_else_comes_near_it():
    for scene in SCENES[:60]:
        pixels = np.asarray(render(scene)).astype(int)
        assert pixels.shape == (IMAGE_SIZE, IMAGE_SIZE, 3)
        for shape in scene.shapes:
            assert tuple(pixels[round(shape.y), round(shape.x)]) == shape.rgb
        for tone in scene.ground.tones:
            assert min(np.abs(np.subtract(tone, rgb)).max() for rgb in COLOURS.values()) > 80


@pytest.mark.parametrize("name", SHAPES)
def test_an_outline_is_turned_and_scaled_but_not_bent(name):
    corners = np.array(Shape(name, x=31.0, y=47.0, diameter=15.0, angle=7.0, rgb=(1, 2, 3)).outline()) @ (
        1,
        1j,
    )
    unit = np.array(OUTLINES[name]) @ (1, 1j)
    np.testing.assert_allclose(corners, 31 + 47j + 7.5 * np.exp(1j * np.radians(7)) * unit)


@pytest.mark.parametrize("name", SHAPES)
def test_a_drawn_shape_covers_the_area_of_its_outline_around_its_centre(name):
    scene = next(s for s in SCENES if s.group.shape == name and s.group.size == "large")
    shape = replace(scene.group.members[0], x=50.3, y=61.7, rgb=(255, 255, 255))
    ground = replace(scene.ground, pattern="plain", tones=((0, 0, 0), (0, 0, 0)))
    none = replace(scene.anchor, members=())
    pixels = (
        np.asarray(render(Scene(replace(scene.group, members=(shape,)), none, "left", ground)))[..., 0] / 255
    )
    xs, ys = np.array(shape.outline()).T
    twice = xs * np.roll(ys, -1) - ys * np.roll(xs, -1)
    area = abs(twice.sum()) / 2
    assert pixels.sum() == pytest.approx(area, rel=0.05)
    centre = np.array([((xs + np.roll(xs, -1)) * twice).sum(), ((ys + np.roll(ys, -1)) * twice).sum()])
    centre /= 3 * twice.sum()
    rows, columns = np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE] + 0.5
    drawn = np.array([(columns * pixels).sum(), (rows * pixels).sum()]) / pixels.sum()
    np.testing.assert_allclose(drawn, centre, atol=0.15)  # of a pixel: corners are smoothed
