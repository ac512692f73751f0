"""The alignment figure: the weights where they belong, under the symbols' names."""

import io

import numpy as np
import pytest
from PIL import Image

from captioner.insight.alignment import draw_alignment

SOURCE, WRITTEN = list("a b"), ["x", "yy"]


def test_rows_are_what_was_written_and_columns_what_was_read():
    alphas_TL = np.array([[0.1, 0.2, 0.7], [0.0, 1.0, 0.0]])
    figure = draw_alignment(SOURCE, WRITTEN, alphas_TL)
    (axes,) = figure.axes
    (image,) = axes.images
    np.testing.assert_array_equal(image.get_array(), alphas_TL)
    assert image.get_clim() == (0, 1)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "\u2423", "b"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["x", "yy"]


def test_the_picture_is_white_where_all_attention_was():
    figure = draw_alignment(SOURCE, WRITTEN, [[0, 0, 1], [1, 0, 0]])
    figure.savefig(file := io.BytesIO(), format="png")
    pixels = np.asarray(Image.open(file).convert("L"))
    (axes,) = figure.axes
    for row, column, shade in ((0, 2, 255), (0, 0, 0), (1, 0, 255), (1, 1, 0)):
        x, y = axes.transData.transform((column, row))
        assert pixels[pixels.shape[0] - round(y), round(x)] == shade


def test_weights_of_other_symbols_are_refused():
    with pytest.raises(ValueError, match="2 x 3 symbols do not fit"):
        draw_alignment(SOURCE, WRITTEN, np.zeros((3, 2)))
