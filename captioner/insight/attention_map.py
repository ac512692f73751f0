"""Draw the attention maps of a caption's words, and measure attention inside boxes.

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
FADED = (0.3, 165)  # contrast and least brightness left where there is no attention


def draw_attention(
    image: Image.Image, words: Sequence[str], alphas_TL: npt.ArrayLike, grid: tuple[int, int]
) -> Image.Image:
    """Draw the image, then a panel for each word: in colour where the attention is, pale and grey elsewhere.

    Args:
        image: the encoder's view of the picture, all of which the grid covers.
        words: the T words of the caption.
        alphas_TL: a row of attention weights for each word; a panel is scaled to its own largest weight.
        grid: rows and columns of the locations, L = rows * columns.

    Returns:
        The panels, in rows.

    Raises:
        UserError: there is only one location, so that attention has no choice.
        ValueError: the shapes do not fit.

    Source:
        Xu et al. (2015), figures 2 and 3; there a word's map is overlaid in white.
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
    """Compute the share of attention inside the union of boxes.

    The weight of a location is spread evenly over its cell of the grid.

    Args:
        alphas_L: the attention weights of one word.
        grid: rows and columns of the locations.
        boxes: left, top, right, bottom in pixels, right and bottom exclusive.
        image_size: width and height in pixels.

    Returns:
        The share, from 0 to 1.
    """
    weights = np.asarray(alphas_L, dtype=float).reshape(grid)
    (rows, columns), (width, height) = grid, image_size
    # In units of cells. All lines of the grid and of the boxes cut the plane into pieces, so that a piece is
    # either inside a box or outside.
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
    """Fade the image where the weights, (rows, columns), are low."""
    small = Image.fromarray((weights / weights.max()).astype(np.float32))
    strength = np.asarray(small.resize(image.size, Image.Resampling.BICUBIC)).clip(0, 1)
    mask = Image.fromarray((255 * strength).astype(np.uint8))
    contrast, least = FADED
    faded = image.convert("L").point(lambda brightness: contrast * brightness + least).convert("RGB")
    return Image.composite(image, faded, mask)


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
    """Return matplotlib's font, which has most alphabets, so small that `text` is at most `width` wide."""
    from matplotlib import get_data_path

    font = ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", TITLE_SIZE)
    return font.font_variant(size=TITLE_SIZE * min(1, width / max(1, font.getlength(text))))
