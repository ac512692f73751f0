"""Soft attention over image locations.

B images, K rows an image, N = B*K rows (row n looks at image n // K), L locations, F feature, H hidden,
A attention.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from captioner.device import rows_at_once

WIDEST = 30.0  # so that e^(2 * 30) times a gradient is a float32 still


class Attended(NamedTuple):
    """What was seen, and where."""

    context_NF: Tensor
    alphas_NL: Tensor  # sums to one over L


class AdditiveAttention(nn.Module):
    r"""The multilayer perceptron of Show, Attend and Tell (Xu et al., 2015, sec. 3.1.2).

        e_l     = v . tanh(W_a a_l + W_h h)
        alpha   = softmax_l(e)
        context = sum_l alpha_l a_l                    soft attention, sec. 4.2

    `prepare` does not depend on the time step: call it once per image. Nothing of an image is ever copied
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
        self.activation: Activation = {"tanh": Tanh, "relu": Relu}[activation]()
        with torch.no_grad():
            self.score.weight.mul_(score_gain)

    def prepare(self, features_BLF: Tensor) -> Tensor:
        """What there is to know of the images before any question is asked, (B, L, A)."""
        return self.activation.prepare(self.keys(features_BLF))

    def forward(self, features_BLF: Tensor, prepared_BLA: Tensor, h_NH: Tensor) -> Attended:
        """Look at the images with the questions that `h_NH` asks."""
        B, _, A = prepared_BLA.shape
        query_BKA = self.activation.prepare(self.query(h_NH).view(B, -1, A))
        scores_BKL: Tensor = _Scores.apply(
            prepared_BLA, query_BKA, self.score.weight.squeeze(0), self.activation
        )
        return _attended(scores_BKL.softmax(dim=-1), features_BLF)


class Activation(ABC):
    """A function f of key + query: sum_a v_a f(k + q) = sum_a v_a mix(prepare(k), prepare(q)) + constant."""

    def prepare(self, x: Tensor) -> Tensor:
        """What `mix` takes in place of keys or queries."""
        return x

    def backward_(self, dx: Tensor, prepared: Tensor) -> Tensor:
        """The gradient of what was prepared, from that of what it stands for in y; in place."""
        return dx

    @abstractmethod
    def mix(self, key: Tensor, query: Tensor, out: Tensor) -> Tensor:
        """For every pair of a key and a query, y; in `out`."""

    @abstractmethod
    def slope_(self, y: Tensor) -> Tensor:
        """How y grows with what key or query stand for in it; in place."""


class Tanh(Activation):
    """tanh(k + q) = 2 / (1 + e^-2k e^-2q) - 1: an exponential for each key and each query, none for a pair.

    The softmax does not see the -1. Keys and queries beyond +-30 count as 30, so that no power overflows.
    Half precision is widened: it has too few digits for the sum.
    """

    def prepare(self, x: Tensor) -> Tensor:
        """e^-2x."""
        wide = x.float() if x.dtype in (torch.half, torch.bfloat16) else x
        return (-2 * wide.clamp(-WIDEST, WIDEST)).exp()

    def backward_(self, dx: Tensor, prepared: Tensor) -> Tensor:
        """Of 2x, which is -log(prepared)."""
        return dx.div_(prepared).neg_()

    def mix(self, key: Tensor, query: Tensor, out: Tensor) -> Tensor:
        """2 / (1 + e^-2k e^-2q)."""
        half = key.new_full((), 0.5)
        return torch.addcmul(half, key, query, value=0.5, out=out).reciprocal_()

    def slope_(self, y: Tensor) -> Tensor:
        """By 2x: y - y^2 / 2, which is (1 - tanh^2) / 2."""
        return y.addcmul_(y, y, value=-0.5)


class Relu(Activation):
    """max(0, k + q)."""

    def mix(self, key: Tensor, query: Tensor, out: Tensor) -> Tensor:
        """The function itself."""
        return torch.add(key, query, out=out).relu_()

    def slope_(self, y: Tensor) -> Tensor:
        """1 where y is above zero."""
        return y.sign_()


class _Scores(torch.autograd.Function):
    """e_BKL of prepared keys and queries and of v_A.

    What lies between has B*K*L*A numbers. They are made for as many images at once as the cache of a CPU
    holds, and again for the gradient: that is faster than to fetch them from memory, and takes none.
    """

    @staticmethod
    def forward(ctx: Any, keys_BLA: Tensor, query_BKA: Tensor, v_A: Tensor, activation: Activation) -> Tensor:
        ctx.save_for_backward(keys_BLA, query_BKA, v_A)
        ctx.activation = activation
        scores_BKL = query_BKA.new_empty(*query_BKA.shape[:2], keys_BLA.shape[1])
        for place_BKLA, keys, query, scores in _parts(keys_BLA, query_BKA, scores_BKL):
            y_BKLA = activation.mix(keys.unsqueeze(1), query.unsqueeze(2), place_BKLA)
            torch.sum(y_BKLA.mul_(v_A), dim=-1, out=scores)
        return scores_BKL

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BKL: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        keys_BLA, query_BKA, v_A = ctx.saved_tensors
        dkeys_BLA, dquery_BKA, dv_A = (torch.zeros_like(leaf) for leaf in (keys_BLA, query_BKA, v_A))
        parts = _parts(keys_BLA, query_BKA, grad_BKL, dkeys_BLA, dquery_BKA)
        for place_BKLA, keys, query, grad, dkeys, dquery in parts:
            y_BKLA = ctx.activation.mix(keys.unsqueeze(1), query.unsqueeze(2), place_BKLA)
            grad_BK1L = grad.unsqueeze(2)
            dv_A += (grad_BK1L @ y_BKLA).sum(dim=(0, 1, 2))
            slope_BKLA = ctx.activation.slope_(y_BKLA)
            torch.matmul(grad_BK1L, slope_BKLA, out=dquery.unsqueeze(2))
            for slope_BLA, grad_BL in zip(slope_BKLA.unbind(1), grad.unbind(1), strict=True):
                dkeys.addcmul_(slope_BLA, grad_BL.unsqueeze(2))
        dkeys_BLA = ctx.activation.backward_(dkeys_BLA.mul_(v_A), keys_BLA)
        dquery_BKA = ctx.activation.backward_(dquery_BKA.mul_(v_A), query_BKA)
        return dkeys_BLA, dquery_BKA, dv_A, None


def _parts(keys_BLA: Tensor, query_BKA: Tensor, *others: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """A place for y_BKLA, and all tensors, of a few images after the other.

    The place is one for all: memory that is new would have to be fetched first.
    """
    (B, L, A), K = keys_BLA.shape, query_BKA.shape[1]
    at_once = min(max(1, B), rows_at_once(K * L * A, keys_BLA.device))
    place_BKLA = query_BKA.new_empty(at_once, K, L, A)
    parts = (torch.split(tensor, at_once) for tensor in (keys_BLA, query_BKA, *others))
    for tensors in zip(*parts, strict=True):
        yield place_BKLA[: len(tensors[0])], *tensors


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

    def prepare(self, features_BLF: Tensor) -> Tensor:
        """The part of the scores that no question changes, (B, L)."""
        keys_BL: Tensor = self.keys(features_BLF)
        return keys_BL

    def forward(self, features_BLF: Tensor, keys_BL: Tensor, h_NH: Tensor) -> Attended:
        """Look at the images with the questions that `h_NH` asks."""
        B, L = keys_BL.shape
        scores_BKL = (keys_BL.unsqueeze(1) + self.query(h_NH).view(B, -1, L)).tanh()
        return _attended(scores_BKL.softmax(dim=-1), features_BLF)


def _attended(alphas_BKL: Tensor, features_BLF: Tensor) -> Attended:
    alphas_BKL = alphas_BKL.to(features_BLF.dtype)
    return Attended(torch.bmm(alphas_BKL, features_BLF).flatten(0, 1), alphas_BKL.flatten(0, 1))
