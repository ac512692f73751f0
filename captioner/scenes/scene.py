"""Describe a synthetic picture: a group of equal shapes on one side of another shape, the anchor.

Lengths are in pixels, x grows to the right and y downwards.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

IMAGE_SIZE = 112  # pixels, both ways
MARGIN = 3.0  # between any two shapes, and to the border

RGB = tuple[int, int, int]
COLOURS: Mapping[str, RGB] = {
    "red": (214, 32, 36),
    "green": (24, 150, 58),
    "blue": (32, 78, 214),
    "yellow": (248, 208, 16),
}
DIAMETERS: Mapping[str, tuple[float, float]] = {"small": (17.0, 19.0), "large": (27.0, 29.0)}
OPPOSITE: Mapping[str, str] = {"left": "right", "right": "left", "above": "below", "below": "above"}
PATTERNS = ("plain", "stripes", "checks", "dots", "noise")
TONES: tuple[RGB, ...] = ((206, 206, 206), (222, 212, 194), (196, 206, 214), (204, 212, 196), (216, 200, 200))

Point = tuple[float, float]


class Box(NamedTuple):
    """A rectangle in pixels: left, top, right, bottom."""

    x0: float
    y0: float
    x1: float
    y1: float


def _ring(corners: int, radii: tuple[float, ...] = (1.0,), lower: float = 0.0) -> tuple[Point, ...]:
    turns = [2 * math.pi * k / corners for k in range(corners)]
    rs = [radii[k % len(radii)] for k in range(corners)]
    return tuple((r * math.sin(t), lower - r * math.cos(t)) for r, t in zip(rs, turns, strict=True))


_EDGE = 0.86
# Each outline nearly fills the square from -1 to 1. All are polygons, the circle too.
OUTLINES: Mapping[str, tuple[Point, ...]] = {
    "circle": _ring(48, (0.97,)),
    "square": ((-_EDGE, -_EDGE), (_EDGE, -_EDGE), (_EDGE, _EDGE), (-_EDGE, _EDGE)),
    "triangle": ((0.0, -0.9), (0.96, 0.78), (-0.96, 0.78)),
    "star": _ring(10, (1.05, 0.44), lower=0.07),
}
SHAPES = tuple(OUTLINES)


@dataclass(frozen=True)
class Shape:
    """A shape of the picture: its name, centre, diameter, rotation in degrees and exact colour."""

    name: str
    x: float
    y: float
    diameter: float
    angle: float
    rgb: RGB

    def outline(self) -> list[Point]:
        """Return the corners in pixels."""
        turn, radius = math.radians(self.angle), self.diameter / 2
        cos, sin = radius * math.cos(turn), radius * math.sin(turn)
        return [(self.x + cos * x - sin * y, self.y + sin * x + cos * y) for x, y in OUTLINES[self.name]]

    @property
    def box(self) -> Box:
        """Return the bounding box."""
        xs, ys = zip(*self.outline(), strict=True)
        return Box(min(xs), min(ys), max(xs), max(ys))


@dataclass(frozen=True)
class Group:
    """One to three shapes that share size, colour and shape, so that one noun phrase describes them."""

    size: str
    colour: str
    shape: str
    members: tuple[Shape, ...]

    @property
    def number(self) -> int:
        """Return the number of members."""
        return len(self.members)


@dataclass(frozen=True)
class Ground:
    """The background: a pattern of two similar muted tones."""

    pattern: str
    tones: tuple[RGB, RGB]
    period: float  # pixels
    angle: float  # degrees
    seed: int  # of the noise


@dataclass(frozen=True)
class Scene:
    """A group that lies wholly on one side (left, right, above, below) of the anchor, a group of one shape.

    Group and anchor differ in shape or in colour, so that a name by colour and shape is unambiguous. They
    also differ in number, or else only the group is large: the first words of a caption show which one is its
    subject.
    """

    group: Group
    anchor: Group
    side: str
    ground: Ground

    @property
    def groups(self) -> tuple[Group, Group]:
        """Return the group and the anchor."""
        return self.group, self.anchor

    @property
    def shapes(self) -> Iterator[Shape]:
        """Yield every shape of the picture."""
        return (shape for group in self.groups for shape in group.members)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Scene":
        """Restore a scene from `dataclasses.asdict`, directly or through JSON."""
        ground = fields["ground"]
        tones = [tuple(tone) for tone in ground["tones"]]
        return cls(
            group=_group_from_dict(fields["group"]),
            anchor=_group_from_dict(fields["anchor"]),
            side=fields["side"],
            ground=Ground(**ground | {"tones": tuple(tones)}),
        )


def _group_from_dict(fields: Mapping[str, Any]) -> Group:
    members = tuple(Shape(**member | {"rgb": tuple(member["rgb"])}) for member in fields["members"])
    return Group(fields["size"], fields["colour"], fields["shape"], members)
