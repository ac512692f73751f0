"""Boxes of a picture as features, and pointing at one of them.

B images, K questions an image, C boxes a question, L locations, F feature, H hidden.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from captioner.images import Preprocessing


def box_in_encoder_view(
    box: Sequence[float], picture_size: tuple[int, int], preprocessing: Preprocessing
) -> list[float]:
    """x, y, width and height in pixels to left, top, right, bottom as parts of what the encoder sees.

    What lies outside of that is below 0 or above 1. True to a pixel of the resized picture, by which its
    sizes are rounded.
    """
    middle = preprocessing.size / (preprocessing.resize_size or preprocessing.size)
    edges = []
    for side, start, length in zip(picture_size, box[:2], box[2:], strict=True):
        shown = middle * (min(picture_size) if preprocessing.resize == "crop" else side)
        edges.append([(edge - (side - shown) / 2) / shown for edge in (start, start + length)])
    return [edge for pair in zip(*edges, strict=True) for edge in pair]


def box_weights(boxes: Tensor, grid: tuple[int, int]) -> Tensor:
    """How much of a box lies in each location's cell: (..., 4) to (..., L), sums one; zero for one outside.

    Boxes are left, top, right, bottom, 0 to 1.
    """
    left, top, right, bottom = boxes.unsqueeze(-1).unbind(dim=-2)
    overlaps = []
    for begin, end, cells in zip((top, left), (bottom, right), grid, strict=True):
        edges = torch.arange(cells + 1, device=boxes.device, dtype=boxes.dtype) / cells
        inside = torch.minimum(end, edges[1:]) - torch.maximum(begin, edges[:-1])
        overlaps.append(inside.clamp(min=0))
    down, across = overlaps
    weights = (down.unsqueeze(-1) * across.unsqueeze(-2)).flatten(-2)
    return weights / weights.sum(dim=-1, keepdim=True).clamp(min=torch.finfo(weights.dtype).tiny)


class Pointer(nn.Module):
    r"""Which of some boxes: what is in each against what a question left in the cell (Zhu et al., 2016).

        r_c     = mean of a_l over box c       each location by the share of the box in its cell
        score_c = h . W r_c
        p       = softmax_c(score)

    In the paper r_c is fc7 of the box, cut out and resized; here the picture is seen once, for all boxes.
    """

    def __init__(self, feature_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.region = nn.Linear(feature_dim, hidden_dim, bias=False)

    def forward(self, features_BLF: Tensor, weights_BKCL: Tensor, h_BKH: Tensor) -> Tensor:
        """scores_BKC, of each box for its question."""
        regions_BPF = torch.bmm(weights_BKCL.flatten(1, 2), features_BLF)
        regions_BKCH = self.region(regions_BPF).unflatten(1, weights_BKCL.shape[1:3])
        scores_BKC: Tensor = (regions_BKCH @ h_BKH.unsqueeze(-1)).squeeze(-1)
        return scores_BKC
