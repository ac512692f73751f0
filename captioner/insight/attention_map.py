"""Where a captioner looked at each word: the figure of Xu et al. (2015), and a measure of it.

T words, L locations in row-major order.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from captioner.errors import UserError

Array = npt.NDArray[np.float64]

PANEL = 240  # pixels, of the longer side
MARGIN = 14
TITLE_HEIGHT = 34
TITLE_SIZE = 19
MAX_COLUMNS = 6
FADED = (0.3, 165)  # contrast and least brightness left where the decoder did not look


def draw_attention(
    image: Image.Image, words: Sequence[str], alphas_TL: npt.ArrayLike, grid: tuple[int, int]
) -> Image.Image:
    """The image, then a panel per word: in colour where the decoder looked, pale and grey elsewhere.

    Args:
        image: the picture as the encoder saw it, so that the grid covers all of it.
        words: what was said, T words.
        alphas_TL: a row of attention weights per word; each panel is scaled to its own largest weight.
        grid: rows and columns of the locations, L = rows * columns.

    Raises:
        UserError: there is only one location, so nothing to choose between.
        ValueError: the shapes do not fit.
    """
    alphas = np.asarray(alphas_TL, dtype=float)
    if grid == (1, 1):
        raise UserError("There is no attention to draw: this decoder does not attend to places in the image.")
    if alphas.shape != (len(words), grid[0] * grid[1]):
        raise ValueError(f"{len(words)} words and a grid of {grid} do not fit weights of {alphas.shape}")
    image = image.convert("RGB")
    scale = PANEL / max(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    panels = [image, *(_spotlight(image, alphas_L.reshape(grid)) for alphas_L in alphas)]
    return _in_rows(panels, ["", *words])


def mass_inside(
    alphas_L: npt.ArrayLike,
    grid: tuple[int, int],
    boxes: Sequence[tuple[float, float, float, float]],
    image_size: tuple[int, int],
) -> float:
    """The share of attention inside the union of boxes, each location's weight spread evenly over its cell.

    Args:
        alphas_L: the weights of one word.
        grid: rows and columns of the locations.
        boxes: left, top, right, bottom in pixels, right and bottom exclusive.
        image_size: width and height in pixels.
    """
    weights = np.asarray(alphas_L, dtype=float).reshape(grid)
    (rows, columns), (width, height) = grid, image_size
    # In units of cells; every line of the grid or of a box cuts the plane, so that no piece is cut by one.
    scaled = np.array(boxes, dtype=float).reshape(-1, 4) * np.tile([columns / width, rows / height], 2)
    scaled = scaled.clip(0, np.tile([columns, rows], 2))
    x = np.unique(np.concatenate([np.arange(columns + 1), scaled[:, 0], scaled[:, 2]]))
    y = np.unique(np.concatenate([np.arange(rows + 1), scaled[:, 1], scaled[:, 3]]))
    covered = np.zeros((len(y) - 1, len(x) - 1), dtype=bool)
    for left, top, right, bottom in scaled:
        covered |= ((y[:-1] >= top) & (y[1:] <= bottom))[:, None] & ((x[:-1] >= left) & (x[1:] <= right))
    pieces = weights[np.ix_(y[:-1].astype(int), x[:-1].astype(int))] * np.outer(np.diff(y), np.diff(x))
    return float(pieces[covered].sum() / weights.sum())


def _spotlight(image: Image.Image, weights: Array) -> Image.Image:
    small = Image.fromarray((weights / weights.max()).astype(np.float32))
    strength = np.asarray(small.resize(image.size, Image.Resampling.BICUBIC)).clip(0, 1)
    seen = Image.fromarray((255 * strength).astype(np.uint8))
    contrast, least = FADED
    unseen = image.convert("L").point(lambda brightness: contrast * brightness + least).convert("RGB")
    return Image.composite(image, unseen, seen)


def _in_rows(panels: Sequence[Image.Image], titles: Sequence[str]) -> Image.Image:
    num_rows = math.ceil(len(panels) / MAX_COLUMNS)
    num_columns = math.ceil(len(panels) / num_rows)
    width, height = panels[0].size
    step_x, step_y = width + MARGIN, height + TITLE_HEIGHT + MARGIN
    figure = Image.new("RGB", (num_columns * step_x + MARGIN, num_rows * step_y), "white")
    draw = ImageDraw.Draw(figure)
    for index, (panel, title) in enumerate(zip(panels, titles, strict=True)):
        row, column = divmod(index, num_columns)
        left, top = MARGIN + column * step_x, row * step_y + TITLE_HEIGHT
        figure.paste(panel, (left, top))
        draw.text((left + width / 2, top - 9), title, fill="#1b1b1f", font=_font(title, width), anchor="ms")
    return figure


def _font(text: str, width: int) -> ImageFont.FreeTypeFont:
    """A font in which `text` is at most `width` pixels wide; matplotlib brings one with most alphabets."""
    from matplotlib import get_data_path

    font = ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", TITLE_SIZE)
    return font.font_variant(size=TITLE_SIZE * min(1, width / max(1, font.getlength(text))))
