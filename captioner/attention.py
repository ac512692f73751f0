"""Soft attention over image locations.

B images, K rows an image, N = B*K rows (row n looks at image n // K), L locations, F feature, H hidden,
A attention.
"""

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from captioner.device import rows_at_once

EXACT = (torch.float32, torch.float64)  # in half precision a sigmoid has too few digits to stand for tanh


class Attended(NamedTuple):
    """What was seen, and where."""

    context_NF: Tensor
    alphas_NL: Tensor  # sums to one over L


class AdditiveAttention(nn.Module):
    r"""The multilayer perceptron of Show, Attend and Tell (Xu et al., 2015, sec. 3.1.2).

        e_l     = v . tanh(W_a a_l + W_h h)
        alpha   = softmax_l(e)
        context = sum_l alpha_l a_l                    soft attention, sec. 4.2

    `keys` does not depend on the time step: call it once per image. Images and keys are never copied
    per row: a caption under way, or one of five references, is a row, and its image is found by its place.
    `activation="relu"` is what later tutorials put in place of tanh.

    `score_gain` multiplies the first values of v. While all places weigh the same, none of them learns what
    it alone is responsible for; with 8 they differ from the start, and features that are learnt together with
    the attention are learnt several times as fast.
    """

    def __init__(
        self,
        feature_dim: int,
        hidden_dim: int,
        attention_dim: int,
        activation: Literal["tanh", "relu"] = "tanh",
        score_gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.keys = nn.Linear(feature_dim, attention_dim)
        self.query = nn.Linear(hidden_dim, attention_dim, bias=False)
        self.score = nn.Linear(attention_dim, 1, bias=False)
        self.activation = activation
        with torch.no_grad():
            self.score.weight.mul_(score_gain)

    def forward(self, features_BLF: Tensor, keys_BLA: Tensor, h_NH: Tensor) -> Attended:
        """Look at the images with the questions that `h_NH` asks."""
        B, L, A = keys_BLA.shape
        query_BKA = self.query(h_NH).view(B, -1, A)
        if torch.is_grad_enabled():
            return _attended(self._look(keys_BLA, query_BKA), features_BLF)
        K = query_BKA.shape[1]
        at_once = min(max(1, B), rows_at_once(K * L * A, h_NH.device))
        # One place for all parts, which stays in the cache: memory that is new has to be fetched first.
        scratch_BKLA = query_BKA.new_empty(at_once, K, L, A)
        parts = zip(torch.split(keys_BLA, at_once), torch.split(query_BKA, at_once), strict=True)
        alphas = [self._look(keys, query, scratch_BKLA[: len(keys)]) for keys, query in parts]
        return _attended(torch.cat(alphas), features_BLF)

    def _look(self, keys_BLA: Tensor, query_BKA: Tensor, scratch_BKLA: Tensor | None = None) -> Tensor:
        """alphas_BKL."""
        keys_B1LA, query_BK1A = keys_BLA.unsqueeze(1), query_BKA.unsqueeze(2)
        if self.activation == "tanh" and keys_BLA.dtype in EXACT:
            # tanh(x) = 2 sigmoid(2x) - 1, at less than a quarter of tanh's time on a CPU; what is taken off
            # is the same at all places, which the softmax does not see.
            mixed_BKLA = torch.add(2 * query_BK1A, keys_B1LA, alpha=2, out=scratch_BKLA).sigmoid_()
            scores_BKL1 = F.linear(mixed_BKLA, 2 * self.score.weight)
        else:
            mixed_BKLA = torch.add(query_BK1A, keys_B1LA, out=scratch_BKLA)
            scores_BKL1 = self.score(mixed_BKLA.tanh_() if self.activation == "tanh" else mixed_BKLA.relu_())
        alphas_BKL: Tensor = scores_BKL1.squeeze(-1).softmax(dim=-1)
        return alphas_BKL


class LocatedAttention(nn.Module):
    r"""The attention in the released code of Visual7W (Zhu et al., 2016), which knows a place by its number.

        e       = tanh(W_a [a_1; ...; a_L] + W_h h + b)  in R^L
        alpha   = softmax(e)
        context = sum_l alpha_l a_l

    W_a has F*L rows of L: 19.7 million weights for 196 places of 512. No score leaves (-1, 1), so that no
    place weighs more than e^2 times another.
    """

    def __init__(self, feature_dim: int, hidden_dim: int, num_locations: int) -> None:
        super().__init__()
        self.keys = nn.Sequential(nn.Flatten(), nn.Linear(num_locations * feature_dim, num_locations))
        self.query = nn.Linear(hidden_dim, num_locations, bias=False)

    def forward(self, features_BLF: Tensor, keys_BL: Tensor, h_NH: Tensor) -> Attended:
        """Look at the images with the questions that `h_NH` asks."""
        B, L = keys_BL.shape
        scores_BKL = (keys_BL.unsqueeze(1) + self.query(h_NH).view(B, -1, L)).tanh()
        return _attended(scores_BKL.softmax(dim=-1), features_BLF)


def _attended(alphas_BKL: Tensor, features_BLF: Tensor) -> Attended:
    return Attended(torch.bmm(alphas_BKL, features_BLF).flatten(0, 1), alphas_BKL.flatten(0, 1))
