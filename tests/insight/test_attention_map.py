"""The attention figure, and attention inside boxes against a sum over pixels."""

import numpy as np
import pytest
from PIL import Image

from captioner.errors import UserError
from captioner.insight.attention_map import MARGIN, PANEL, TITLE_HEIGHT, draw_attention, mass_inside


def panel(figure, row, column, width, height):
    left, top = MARGIN + column * (width + MARGIN), TITLE_HEIGHT + row * (height + TITLE_HEIGHT + MARGIN)
    return np.asarray(figure.crop((left, top, left + width, top + height))).astype(float)


@pytest.mark.parametrize("seed", range(30))
def test_mass_inside_equals_a_sum_over_pixels(seed):
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(1, 6, 2)
    cell_height, cell_width = rng.integers(1, 8, 2)
    height, width = rows * cell_height, columns * cell_width
    alphas = rng.dirichlet(np.ones(rows * columns))
    per_pixel = alphas.reshape(rows, columns) / (cell_height * cell_width)
    per_pixel = np.repeat(np.repeat(per_pixel, cell_height, axis=0), cell_width, axis=1)
    boxes, inside = [], np.zeros((height, width), dtype=bool)
    for _ in range(rng.integers(0, 4)):
        left, right = np.sort(rng.integers(-2, width + 3, 2))
        top, bottom = np.sort(rng.integers(-2, height + 3, 2))
        boxes.append((left, top, right, bottom))
        inside[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = True
    measured = mass_inside(3 * alphas, (rows, columns), boxes, (width, height))
    assert measured == pytest.approx(per_pixel[inside].sum(), abs=1e-12)


def test_mass_inside_where_cells_are_not_whole_pixels():
    uniform = np.full(6, 1 / 6)
    assert mass_inside(uniform, (2, 3), [(1, 2, 4, 5)], (7, 5)) == pytest.approx(9 / 35)
    assert mass_inside(uniform, (2, 3), [(0, 0, 7, 5), (1, 1, 2, 2)], (7, 5)) == pytest.approx(1)


def test_colour_stays_where_the_attention_is():
    image = Image.new("RGB", (90, 60), (200, 40, 40))
    alphas = np.zeros((2, 24))
    alphas[0, 5] = alphas[1, 23] = 0.4  # top right, then bottom right, of 4 rows and 6 columns
    figure = draw_attention(image, ["one", "two"], alphas, (4, 6))
    width, height = PANEL, PANEL * 2 // 3
    original, first, second = (panel(figure, 0, column, width, height) for column in range(3))
    assert (original == [200, 40, 40]).all()
    for seen, unseen in [(first[:15, -15:], first[60:, :-60]), (second[-15:, -15:], second[:-60, :-60])]:
        assert np.abs(seen - [200, 40, 40]).max() < 8
        assert np.ptp(unseen, axis=-1).max() <= 2
        assert unseen.min() > 160


@pytest.mark.parametrize(("num_words", "rows", "columns"), [(1, 1, 2), (5, 1, 6), (6, 2, 4), (20, 4, 6)])
def test_panels_fill_even_rows(num_words, rows, columns):
    image = Image.new("L", (30, 50))  # upright and grey
    figure = draw_attention(image, ["word"] * num_words, np.ones((num_words, 4)), (2, 2))
    width, height = PANEL * 3 // 5, PANEL
    assert figure.size == (MARGIN + columns * (width + MARGIN), rows * (height + TITLE_HEIGHT + MARGIN))
    filled = [panel(figure, *divmod(i, columns), width, height).max() < 255 for i in range(rows * columns)]
    assert filled == [True] * (num_words + 1) + [False] * (rows * columns - num_words - 1)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK"])
def test_every_kind_of_picture_is_drawn_as_its_colours(mode):
    pixels = np.random.default_rng(0).integers(0, 255, (6, 9, 3), dtype=np.uint8)
    image = Image.fromarray(pixels).convert(mode)
    alphas = np.eye(4)[1:3]
    drawn, expected = (
        draw_attention(one, ["a", "b"], alphas, (2, 2)) for one in (image, image.convert("RGB"))
    )
    assert np.array_equal(np.asarray(drawn), np.asarray(expected))


def test_titles_stay_within_their_panel():
    figure = draw_attention(Image.new("RGB", (20, 20)), ["caf\u00e9", "x" * 50], np.ones((2, 4)), (2, 2))
    titles = np.asarray(figure)[:TITLE_HEIGHT].min(axis=(0, 2))
    written = np.flatnonzero(titles < 200)
    second = MARGIN + 2 * (PANEL + MARGIN)
    assert written.min() >= MARGIN + PANEL + MARGIN
    assert second <= written[written > second - MARGIN].min()
    assert written.max() < second + PANEL


def test_one_location_is_not_attention():
    with pytest.raises(UserError, match="does not attend"):
        draw_attention(Image.new("RGB", (8, 8)), ["a"], np.ones((1, 1)), (1, 1))


@pytest.mark.parametrize("shape", [(3, 6), (2, 5)])
def test_shapes_must_fit(shape):
    with pytest.raises(ValueError, match="do not fit"):
        draw_attention(Image.new("RGB", (8, 8)), ["a", "b"], np.ones(shape), (2, 3))
