"""Features of boxes in an image, and scores of boxes.

B images, K questions an image, C boxes a question, L locations, F feature, H hidden.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from captioner.preprocessing import Preprocessing


def box_in_encoder_view(
    box: Sequence[float], picture_size: tuple[int, int], preprocessing: Preprocessing
) -> list[float]:
    """Convert a box from pixels of the picture to fractions of the square that the encoder sees.

    Exact to one pixel of the resized picture, because its sizes are rounded.

    Args:
        box: left, top, width and height in pixels.
        picture_size: width and height in pixels.
        preprocessing: the encoder's.

    Returns:
        Left, top, right, bottom; below 0 or above 1 outside of the square.
    """
    edges = []
    sides = zip(picture_size, _view_sizes(picture_size, preprocessing), box[:2], box[2:], strict=True)
    for side, view, start, length in sides:
        edges.append([(edge - (side - view) / 2) / view for edge in (start, start + length)])
    return [edge for pair in zip(*edges, strict=True) for edge in pair]


def encoder_view_in_picture(picture_size: tuple[int, int], preprocessing: Preprocessing) -> list[float]:
    """Return the part of a picture that the encoder sees, as `box_in_encoder_view` has it.

    Args:
        picture_size: width and height in pixels.
        preprocessing: the encoder's.

    Returns:
        Left, top, right, bottom as fractions of the picture's width and height.
    """
    margins = [
        (1 - view / side) / 2
        for side, view in zip(picture_size, _view_sizes(picture_size, preprocessing), strict=True)
    ]
    return [*margins, *(1 - margin for margin in margins)]


def _view_sizes(picture_size: tuple[int, int], preprocessing: Preprocessing) -> list[float]:
    """Width and height, in pixels of the picture, of the part in its middle that the encoder sees."""
    middle = preprocessing.size / (preprocessing.resize_size or preprocessing.size)
    return [middle * (min(picture_size) if preprocessing.resize == "crop" else side) for side in picture_size]


def box_weights(boxes: Tensor, grid: tuple[int, int]) -> Tensor:
    """Compute the share of a box that lies in each location's grid cell.

    Args:
        boxes: left, top, right, bottom as fractions, (..., 4).
        grid: rows and columns of the locations.

    Returns:
        (..., L), which sums to one; to zero for a box outside of the grid.
    """
    left, top, right, bottom = boxes.unsqueeze(-1).unbind(dim=-2)
    overlaps = []
    for begin, end, count in zip((top, left), (bottom, right), grid, strict=True):
        edges = torch.arange(count + 1, device=boxes.device, dtype=boxes.dtype) / count
        inside = torch.minimum(end, edges[1:]) - torch.maximum(begin, edges[:-1])
        overlaps.append(inside.clamp(min=0))
    down, across = overlaps
    weights = (down.unsqueeze(-1) * across.unsqueeze(-2)).flatten(-2)
    return weights / weights.sum(dim=-1, keepdim=True).clamp(min=torch.finfo(weights.dtype).tiny)


class Pointer(nn.Module):
    r"""Scores of boxes by the product of their features with the hidden state (Zhu et al., 2016).

        r_c     = mean of a_l over box c       weighted by the share of the box in l's grid cell
        score_c = h . W r_c
        p       = softmax_c(score)

    In the paper r_c is fc7 of the box, cut out and resized; here the image is encoded once, for all boxes.

    Args:
        feature_dim: F.
        hidden_dim: H.
    """

    def __init__(self, feature_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.region = nn.Linear(feature_dim, hidden_dim, bias=False)

    def forward(self, features_BLF: Tensor, weights_BKCL: Tensor, h_BKH: Tensor) -> Tensor:
        """Compute the score of each box for its question.

        Args:
            features_BLF: a_l.
            weights_BKCL: from `box_weights`.
            h_BKH: the hidden state after each question.

        Returns:
            scores_BKC.
        """
        regions_BPF = torch.bmm(weights_BKCL.flatten(1, 2), features_BLF)
        regions_BKCH = self.region(regions_BPF).unflatten(1, weights_BKCL.shape[1:3])
        scores_BKC: Tensor = (regions_BKCH @ h_BKH.unsqueeze(-1)).squeeze(-1)
        return scores_BKC
