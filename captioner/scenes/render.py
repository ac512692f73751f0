"""Render a scene to pixels, with antialiased edges."""

import math
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from captioner.scenes.scene import IMAGE_SIZE, Ground, Scene, Shape

_FINE = 4  # a shape is drawn this many times larger and averaged down


def render(scene: Scene) -> Image.Image:
    """Return the picture of a scene: RGB, IMAGE_SIZE x IMAGE_SIZE."""
    picture = Image.fromarray(_ground(scene.ground))
    for shape in scene.shapes:
        _paint(picture, shape)
    return picture


def _paint(picture: Image.Image, shape: Shape) -> None:
    box = shape.box
    left, top = math.floor(box.x0), math.floor(box.y0)
    width, height = math.ceil(box.x1) - left, math.ceil(box.y1) - top
    mask = Image.new("L", (width * _FINE, height * _FINE))
    corners = [((x - left) * _FINE, (y - top) * _FINE) for x, y in shape.outline()]
    ImageDraw.Draw(mask).polygon(corners, fill=255)
    picture.paste(shape.rgb, (left, top), mask.reduce(_FINE))


def _ground(ground: Ground) -> NDArray[np.uint8]:
    """Return the picture without shapes, (IMAGE_SIZE, IMAGE_SIZE, 3)."""
    share = _pattern(ground)[:, :, None]
    first, second = (np.asarray(tone, dtype=np.float64) for tone in ground.tones)
    pixels: NDArray[np.uint8] = np.rint(first + share * (second - first)).astype(np.uint8)
    return pixels


def _pattern(ground: Ground) -> NDArray[np.float64]:
    """Return the share of the second tone at each pixel, 0 to 1: (IMAGE_SIZE, IMAGE_SIZE)."""
    if ground.pattern == "plain":
        return np.zeros((IMAGE_SIZE, IMAGE_SIZE))
    if ground.pattern == "noise":
        noise = np.frombuffer(Random(ground.seed).randbytes(IMAGE_SIZE**2), dtype=np.uint8)
        return (noise.reshape(IMAGE_SIZE, IMAGE_SIZE) % 3) / 2.0
    turn = math.radians(ground.angle)
    phase = np.arange(IMAGE_SIZE) * (2 * math.pi / ground.period)
    along = np.sin(math.cos(turn) * phase[None, :] + math.sin(turn) * phase[:, None])
    across = np.sin(-math.sin(turn) * phase[None, :] + math.cos(turn) * phase[:, None])
    waves = {"stripes": along, "checks": 2 * along * across, "dots": along + across - 1}
    share: NDArray[np.float64] = np.clip(0.5 + 1.5 * waves[ground.pattern], 0, 1)
    return share
