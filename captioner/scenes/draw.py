"""Draw random scenes: attributes are uniform and independent of each other, so that none can be guessed.

Only the sizes of two single shapes are fixed: the group is large and the anchor small.
"""

import itertools
import math
from random import Random

from captioner.scenes.scene import (
    COLOURS,
    DIAMETERS,
    IMAGE_SIZE,
    MARGIN,
    OPPOSITE,
    PATTERNS,
    RGB,
    SHAPES,
    TONES,
    Ground,
    Group,
    Point,
    Scene,
    Shape,
)

DOMINANCE = 1.6  # the offset along the axis of the relation, over the offset across it
TILT = 8.0  # degrees to either side
GAP = 4.0  # from the middle of the picture to the centres on either side of it
BAND = 18.0  # how far group and anchor may lie off the line through the middle, across the relation
_COLOUR_JITTER, _TONE_JITTER, _CONTRAST = 10, 8, (8, 16)


def draw_scene(rng: Random) -> Scene:
    """Draw a scene; the same state of `rng` gives the same scene."""
    number = rng.choice((1, 2, 3))
    side = rng.choice(sorted(OPPOSITE))
    group, anchor = _kind(rng), _kind(rng)
    while anchor[1:] == group[1:] or (number == 1 and (group[0], anchor[0]) != ("large", "small")):
        group, anchor = _kind(rng), _kind(rng)
    diameters = [round(rng.uniform(*DIAMETERS[size]), 1) for size, _, _ in (group, anchor)]
    *places, anchor_place = [_turn(place, side) for place in _places(rng, number, *diameters)]
    return Scene(
        _group(rng, group, diameters[0], places),
        _group(rng, anchor, diameters[1], [anchor_place]),
        side,
        _ground(rng),
    )


def _kind(rng: Random) -> tuple[str, str, str]:
    return rng.choice(sorted(DIAMETERS)), rng.choice(sorted(COLOURS)), rng.choice(sorted(SHAPES))


def _group(rng: Random, kind: tuple[str, str, str], diameter: float, places: list[Point]) -> Group:
    size, colour, name = kind
    rgb = _jitter(rng, COLOURS[colour], _COLOUR_JITTER)
    members = [Shape(name, x, y, diameter, round(rng.uniform(-TILT, TILT), 1), rgb) for x, y in places]
    return Group(size, colour, name, tuple(members))


def _places(rng: Random, number: int, diameter: float, anchor_diameter: float) -> list[Point]:
    """Draw the centres of the members, in the left half, and then of the anchor, in the right half."""
    middle = IMAGE_SIZE / 2
    r, R = diameter / 2 + MARGIN, anchor_diameter / 2 + MARGIN
    clear = (diameter + anchor_diameter) / 2 + MARGIN
    while True:
        x, y = rng.uniform(middle + GAP, IMAGE_SIZE - R), rng.uniform(middle - BAND, middle + BAND)
        rightmost = min(x - clear, middle - GAP)
        members = [(rng.uniform(r, rightmost), rng.uniform(r, IMAGE_SIZE - r)) for _ in range(number)]
        mean_y = sum(my for _, my in members) / number
        if abs(mean_y - middle) > BAND:
            continue
        across = abs(mean_y - y)
        along = x - sum(mx for mx, _ in members) / number
        if along >= DOMINANCE * across and _apart(members, diameter):
            return [(round(px, 1), round(py, 1)) for px, py in [*members, (x, y)]]


def _apart(places: list[Point], diameter: float) -> bool:
    """Tell whether no two members touch, and none is so far away that they do not look like a group."""
    for (x, y), (u, v) in itertools.combinations(places, 2):
        if max(abs(x - u), abs(y - v)) < diameter + MARGIN or math.hypot(x - u, y - v) > 3 * diameter + 10:
            return False
    return True


def _turn(place: Point, side: str) -> Point:
    """Map a point of a picture with the group on the left to the picture turned to have it on `side`."""
    x, y = place
    mirrored = round(IMAGE_SIZE - x, 1)
    return {"left": (x, y), "right": (mirrored, y), "above": (y, x), "below": (y, mirrored)}[side]


def _ground(rng: Random) -> Ground:
    tone = _jitter(rng, rng.choice(TONES), _TONE_JITTER)
    contrast = rng.randint(*_CONTRAST) * rng.choice((-1, 1))
    other = (tone[0] + contrast, tone[1] + contrast, tone[2] + contrast)
    return Ground(
        pattern=rng.choice(PATTERNS),
        tones=(tone, other),
        period=round(rng.uniform(8, 20), 1),
        angle=round(rng.uniform(0, 180), 1),
        seed=rng.getrandbits(32),
    )


def _jitter(rng: Random, rgb: RGB, amount: int) -> RGB:
    r, g, b = (min(255, max(0, channel + rng.randint(-amount, amount))) for channel in rgb)
    return r, g, b
