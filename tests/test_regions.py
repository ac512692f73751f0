"""Boxes against the pixels inside them, and the pointer against its formula."""

import numpy as np
import pytest
import torch
from PIL import Image

from captioner.preprocessing import Preprocessing
from captioner.regions import Pointer, box_in_encoder_view, box_weights

GRID = (3, 5)


@pytest.mark.parametrize("resize", ["squash", "crop"])
@pytest.mark.parametrize("resize_size", [None, 80])
@pytest.mark.parametrize("picture_size", [(300, 130), (90, 200)])
def test_a_box_covers_what_was_painted_there(resize, resize_size, picture_size):
    box = [0.35 * picture_size[0], 0.4 * picture_size[1], 40, 30]
    picture = Image.new("RGB", picture_size)
    x, y, width, height = map(round, box)
    picture.paste("white", (x, y, x + width, y + height))
    preprocessing = Preprocessing(60, resize, resize_size)
    view = np.asarray(preprocessing.encoder_view(picture))[..., 0] > 127
    left, top, right, bottom = (
        60 * edge for edge in box_in_encoder_view([x, y, width, height], picture_size, preprocessing)
    )
    rows, columns = view.nonzero()
    assert rows.min() == pytest.approx(max(top, 0), abs=1)
    assert rows.max() + 1 == pytest.approx(min(bottom, 60), abs=1)
    assert columns.min() == pytest.approx(max(left, 0), abs=1)
    assert columns.max() + 1 == pytest.approx(min(right, 60), abs=1)


def test_weights_count_the_fine_cells_inside():
    """A box on lines of a grid 20 times as fine: each location has the share of fine cells that lie in it."""
    generator = np.random.default_rng(0)
    fine = 20
    for _ in range(30):
        top, bottom = sorted(generator.choice(GRID[0] * fine + 1, 2, replace=False))
        left, right = sorted(generator.choice(GRID[1] * fine + 1, 2, replace=False))
        inside = np.zeros((GRID[0] * fine, GRID[1] * fine))
        inside[top:bottom, left:right] = 1
        cells = inside.reshape(GRID[0], fine, GRID[1], fine).sum((1, 3)).flatten()
        edges = np.array([left / GRID[1], top / GRID[0], right / GRID[1], bottom / GRID[0]]) / fine
        found = box_weights(torch.tensor(edges), GRID)
        np.testing.assert_allclose(found, cells / cells.sum(), atol=1e-12)


def test_a_box_half_outside_has_the_weights_of_its_inside_and_one_outside_none():
    boxes = torch.tensor([[[-1.0, -2.0, 0.2, 1 / 3]], [[1.5, 0.0, 2.0, 1.0]]], dtype=torch.double)
    found = box_weights(boxes, GRID)
    assert found.shape == (2, 1, 15)
    assert found[0, 0, 0].item() == pytest.approx(1)
    assert found[1].abs().sum() == 0


def test_the_pointer_is_its_formula():
    torch.manual_seed(0)
    B, K, C, L, F, H = 2, 3, 4, 6, 5, 7
    pointer = Pointer(F, H).double()
    features, h = torch.randn(B, L, F).double(), torch.randn(B, K, H).double()
    weights = torch.rand(B, K, C, L).double()
    scores_BKC = pointer(features, weights, h).detach().numpy()
    W = pointer.region.weight.detach().numpy()
    for b, k, c in np.ndindex(B, K, C):
        r_F = sum(weights[b, k, c, place].item() * features[b, place].numpy() for place in range(L))
        assert scores_BKC[b, k, c] == pytest.approx(h[b, k].numpy() @ W @ r_F)
