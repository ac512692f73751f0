"""Attention over image locations, soft or hard.

B images, K rows an image, N = B*K rows (row n attends to image n // K), L locations, F feature, H hidden,
A attention.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from captioner.attention.kernels import Activation, Relu, SharedKeys, Tanh, fused_scores, share_keys
from captioner.attention.mode import AttentionMode
from captioner.attention.selection import SELECTIONS, Selection


class Attended(NamedTuple):
    """The context vector and the weights that made it."""

    context_NF: Tensor
    alphas_NL: Tensor  # sums to one over L; of hard attention one-hot


class AdditiveAttention(nn.Module):
    r"""The multilayer perceptron of Show, Attend and Tell (Xu et al., 2015, sec. 3.1.2).

        e_l     = v . tanh(W_a a_l + W_h h)
        alpha   = softmax_l(e)
        context = sum_l alpha_l a_l                    soft attention, sec. 4.2
        context = a_s, s drawn from alpha              hard attention, sec. 4.1

    `prepare` does not depend on the time step: call it once per image. Features are never copied per row: a
    row is one caption of an image (a beam, or one of five references), and row n belongs to image n // K.

    Args:
        feature_dim: F.
        hidden_dim: H.
        attention_dim: A.
        activation: `relu` takes the place of tanh in later tutorials.
        score_gain: factor on the initial v. While all locations have the same weight, no location gets a
            gradient of its own; with 8 the weights differ from the start, and features that are learnt
            together with the attention are learnt several times as fast.
        mode: how the context is made: of all locations, of the most probable one, or of one drawn.

    Attributes:
        selection: what `mode` does with the weights; see `with_selection`.
    """

    selection: Selection

    def __init__(
        self,
        feature_dim: int,
        hidden_dim: int,
        attention_dim: int,
        activation: Literal["tanh", "relu"] = "tanh",
        score_gain: float = 1.0,
        mode: AttentionMode = "mean",
    ) -> None:
        super().__init__()
        self.mode = mode
        self.selection = SELECTIONS[mode]
        self.keys = nn.Linear(feature_dim, attention_dim)
        self.query = nn.Linear(hidden_dim, attention_dim, bias=False)
        self.score = nn.Linear(attention_dim, 1, bias=False)
        self.activation: Activation = {"tanh": Tanh, "relu": Relu}[activation]()
        with torch.no_grad():
            self.score.weight.mul_(score_gain)

    def prepare(self, features_BLF: Tensor) -> Tensor:
        """Compute the keys W_a a_l, which do not depend on h: (B, L, A)."""
        return self.activation.prepare(self.keys(features_BLF))

    def share(self, prepared: Tensor | SharedKeys) -> Tensor | SharedKeys:
        """Make one place for the gradients of keys that are asked at many times.

        Args:
            prepared: prepared_BLA from `prepare`; shared ones stay.

        Returns:
            What stands in their place, of which only first rows may be taken.
        """
        if isinstance(prepared, SharedKeys):
            return prepared
        return share_keys(prepared, self.score.weight.squeeze(0), self.activation)

    def forward(self, features_BLF: Tensor, prepared: Tensor | SharedKeys, h_NH: Tensor) -> Attended:
        """Attend to the images.

        Args:
            features_BLF: a_l.
            prepared: prepared_BLA from `prepare`, or what `share` makes of it.
            h_NH: the hidden states that ask, K of each image.

        Returns:
            context_NF and alphas_NL.
        """
        return self.attend(self.scores(prepared, self.query(h_NH)), features_BLF)

    def attend(self, scores_BKL: Tensor, features_BLF: Tensor) -> Attended:
        """Compute the context of scores.

        Args:
            scores_BKL: from `scores`.
            features_BLF: what the context is made of.

        Returns:
            context_NF and alphas_NL.
        """
        alphas_NL = scores_BKL.softmax(dim=-1).flatten(0, 1)
        return weighted_mean(self.selection(alphas_NL).view_as(scores_BKL), features_BLF)

    def scores(self, prepared: Tensor | SharedKeys, query_NA: Tensor) -> Tensor:
        """Compute e_l of every query and location.

        Args:
            prepared: keys, from `prepare` or `share`.
            query_NA: W_h h, K of each image.

        Returns:
            scores_BKL, up to a constant that is the same for all keys.
        """
        B, _, A = (prepared if isinstance(prepared, Tensor) else prepared.keys_BLA).shape
        query_BKA = self.activation.prepare(query_NA.view(B, -1, A))
        return fused_scores(prepared, query_BKA, self.score.weight.squeeze(0), self.activation)


class LocatedAttention(nn.Module):
    r"""The attention in the released code of Visual7W (Zhu et al., 2016), with weights for each location.

        e       = tanh(W_a [a_1; ...; a_L] + W_h h + b)  in R^L
        alpha   = softmax(e)
        context = sum_l alpha_l a_l

    W_a has F*L rows of L: 19.7 million weights for 196 locations of 512. All scores are in (-1, 1), so that
    no weight is more than e^2 times another.

    Args:
        feature_dim: F.
        hidden_dim: H.
        num_locations: L, the same for all images.
    """

    def __init__(self, feature_dim: int, hidden_dim: int, num_locations: int) -> None:
        super().__init__()
        self.keys = nn.Sequential(nn.Flatten(), nn.Linear(num_locations * feature_dim, num_locations))
        self.query = nn.Linear(hidden_dim, num_locations, bias=False)

    def prepare(self, features_BLF: Tensor) -> Tensor:
        """Compute the part of the scores that does not depend on h: (B, L)."""
        keys_BL: Tensor = self.keys(features_BLF)
        return keys_BL

    def forward(self, features_BLF: Tensor, keys_BL: Tensor, h_NH: Tensor) -> Attended:
        """Attend to the images.

        Args:
            features_BLF: a_l.
            keys_BL: from `prepare`.
            h_NH: the hidden states that ask, K of each image.

        Returns:
            context_NF and alphas_NL.
        """
        B, L = keys_BL.shape
        scores_BKL = (keys_BL.unsqueeze(1) + self.query(h_NH).view(B, -1, L)).tanh()
        return weighted_mean(scores_BKL.softmax(dim=-1), features_BLF)


def weighted_mean(alphas_BKL: Tensor, features_BLF: Tensor) -> Attended:
    """Compute sum_l alpha_l a_l of every row; return the weights with it."""
    alphas_BKL = alphas_BKL.to(features_BLF.dtype)
    return Attended(torch.bmm(alphas_BKL, features_BLF).flatten(0, 1), alphas_BKL.flatten(0, 1))
