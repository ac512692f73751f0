"""Fused scores of additive attention: exact, with little memory.

B images, K rows an image, N = B*K rows, L locations, A attention.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from captioner.device import rows_at_once

CLAMP = 30.0  # so that e^(2 * 30) times a gradient is still a float32


class Activation(ABC):
    """A function f of key + query: sum_a v_a f(k + q) = sum_a v_a mix(prepare(k), prepare(q)) + constant."""

    def prepare(self, x: Tensor) -> Tensor:
        """Transform keys or queries into what `mix` takes in their place."""
        return x

    def backward_(self, dx: Tensor, prepared: Tensor) -> Tensor:
        """Turn the gradient, in place, from that of a summand of y's argument into that of `prepared`."""
        return dx

    @abstractmethod
    def mix(self, key: Tensor, query: Tensor, out: Tensor) -> Tensor:
        """Compute y of every pair of a key and a query.

        Args:
            key: prepared keys.
            query: prepared queries, of a shape that broadcasts with the keys'.
            out: where the result is written.

        Returns:
            `out`.
        """

    @abstractmethod
    def slope_(self, y: Tensor) -> Tensor:
        """Compute the derivative of y by its argument from y, in place."""


class Tanh(Activation):
    """tanh(k + q) = 2 / (1 + e^-2k e^-2q) - 1: an exponential for each key and each query, none for a pair.

    The softmax does not depend on the -1. Keys and queries beyond +-30 count as 30, so that no power
    overflows. Half precision is widened: it has too few digits for the sum.
    """

    def prepare(self, x: Tensor) -> Tensor:
        """Compute e^-2x."""
        wide = x.float() if x.dtype in (torch.half, torch.bfloat16) else x
        return (-2 * wide.clamp(-CLAMP, CLAMP)).exp()

    def backward_(self, dx: Tensor, prepared: Tensor) -> Tensor:
        """Turn the gradient of 2x, which is -log(prepared), into that of `prepared`."""
        return dx.div_(prepared).neg_()

    def mix(self, key: Tensor, query: Tensor, out: Tensor) -> Tensor:
        """Compute 2 / (1 + e^-2k e^-2q).

        Args:
            key: e^-2k.
            query: e^-2q.
            out: where the result is written.

        Returns:
            `out`.
        """
        half = key.new_full((), 0.5)
        return torch.addcmul(half, key, query, value=0.5, out=out).reciprocal_()

    def slope_(self, y: Tensor) -> Tensor:
        """Compute the derivative by 2x: y - y^2 / 2, which is (1 - tanh^2) / 2."""
        return y.addcmul_(y, y, value=-0.5)


class Relu(Activation):
    """max(0, k + q)."""

    def mix(self, key: Tensor, query: Tensor, out: Tensor) -> Tensor:
        """Compute the function itself.

        Args:
            key: keys.
            query: queries.
            out: where the result is written.

        Returns:
            `out`.
        """
        return torch.add(key, query, out=out).relu_()

    def slope_(self, y: Tensor) -> Tensor:
        """Return 1 where y is above zero."""
        return y.sign_()


class SharedKeys(NamedTuple):
    """Prepared keys that are asked at many times, and one sum of their gradients for all of them.

    Autograd would make a gradient as large as the keys at every time, and add them up. Of fewer images, the
    first rows of all three are a view of the same sum. Of a graph that is kept, every pass must ask for the
    gradient of the keys: a pass that does not leaves its part in the sum.
    """

    keys_BLA: Tensor  # without a gradient of their own
    sum_BLA: Tensor  # over queries and times, of what the gradient is a multiple of
    link_B0: Tensor  # leads autograd from the scores to the keys, once all have added their part


def share_keys(keys_BLA: Tensor, v_A: Tensor, activation: Activation) -> Tensor | SharedKeys:
    """Prepare keys for being asked many times.

    Args:
        keys_BLA: prepared keys.
        v_A: the weights of the sum.
        activation: the function, which prepared them.

    Returns:
        What `fused_scores` takes in their place; the keys themselves where they need no gradient.
    """
    if not (torch.is_grad_enabled() and keys_BLA.requires_grad):
        return keys_BLA
    sum_BLA = torch.zeros_like(keys_BLA)
    link_B0 = _CollectGradient.apply(keys_BLA, sum_BLA, v_A, activation)
    return SharedKeys(keys_BLA.detach(), sum_BLA, link_B0)


def fused_scores(keys: Tensor | SharedKeys, query_BKA: Tensor, v_A: Tensor, activation: Activation) -> Tensor:
    """Compute e_bkl = sum_a v_a mix(k_bla, q_bka), differentiable once.

    Args:
        keys: prepared keys_BLA, or shared ones.
        query_BKA: prepared queries.
        v_A: the weights of the sum.
        activation: the function, which prepared both.

    Returns:
        scores_BKL, up to a constant.
    """
    keys_BLA, *shared = (keys,) if isinstance(keys, Tensor) else keys
    scores_BKL: Tensor = _Scores.apply(keys_BLA, query_BKA, v_A, activation, *shared)
    return scores_BKL


class _CollectGradient(torch.autograd.Function):
    """The gradient of shared keys, once the scores of all times have added their part."""

    @staticmethod
    def forward(ctx: Any, keys_BLA: Tensor, sum_BLA: Tensor, v_A: Tensor, activation: Activation) -> Tensor:
        ctx.save_for_backward(keys_BLA, v_A)
        ctx.sum_BLA, ctx.activation = sum_BLA, activation
        return keys_BLA.new_empty(len(keys_BLA), 0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, link_B0: Tensor) -> tuple[Tensor, None, None, None]:
        keys_BLA, v_A = ctx.saved_tensors
        dkeys_BLA = ctx.activation.backward_(ctx.sum_BLA * v_A, keys_BLA)
        ctx.sum_BLA.zero_()  # for another pass through a graph that is kept
        return dkeys_BLA, None, None, None


class _Scores(torch.autograd.Function):
    """Scores of prepared keys and queries.

    The pairs are B*K*L*A numbers. They are computed for as many images at once as the cache of a CPU holds,
    and again for the gradient: that is faster than to fetch them from memory, and takes none.
    """

    @staticmethod
    def forward(
        ctx: Any,
        keys_BLA: Tensor,
        query_BKA: Tensor,
        v_A: Tensor,
        activation: Activation,
        sum_BLA: Tensor | None = None,
        link_B0: Tensor | None = None,
    ) -> Tensor:
        ctx.save_for_backward(keys_BLA, query_BKA, v_A)
        ctx.activation, ctx.sum_BLA, ctx.link_B0 = activation, sum_BLA, link_B0
        scores_BKL = query_BKA.new_empty(*query_BKA.shape[:2], keys_BLA.shape[1])
        for buffer_BKLA, keys, query, scores in _image_groups(keys_BLA, query_BKA, scores_BKL):
            y_BKLA = activation.mix(keys.unsqueeze(1), query.unsqueeze(2), buffer_BKLA)
            torch.sum(y_BKLA.mul_(v_A), dim=-1, out=scores)
        return scores_BKL

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BKL: Tensor) -> tuple[Tensor | None, ...]:
        keys_BLA, query_BKA, v_A = ctx.saved_tensors
        shared = ctx.sum_BLA is not None
        sum_BLA = ctx.sum_BLA if shared else torch.zeros_like(keys_BLA)
        dquery_BKA, dv_A = torch.empty_like(query_BKA), torch.zeros_like(v_A)
        groups = _image_groups(keys_BLA, query_BKA, grad_BKL, sum_BLA, dquery_BKA)
        for buffer_BKLA, keys, query, grad, total, dquery in groups:
            y_BKLA = ctx.activation.mix(keys.unsqueeze(1), query.unsqueeze(2), buffer_BKLA)
            grad_BK1L = grad.unsqueeze(2)
            dv_A += (grad_BK1L @ y_BKLA).sum(dim=(0, 1, 2))
            slope_BKLA = ctx.activation.slope_(y_BKLA)
            torch.matmul(grad_BK1L, slope_BKLA, out=dquery.unsqueeze(2))
            for slope_BLA, grad_BL1 in zip(slope_BKLA.unbind(1), grad.unsqueeze(3).unbind(1), strict=True):
                total.addcmul_(slope_BLA, grad_BL1)
        dquery_BKA = ctx.activation.backward_(dquery_BKA.mul_(v_A), query_BKA)
        if shared:
            return None, dquery_BKA, dv_A, None, None, torch.zeros_like(ctx.link_B0)
        return ctx.activation.backward_(sum_BLA.mul_(v_A), keys_BLA), dquery_BKA, dv_A, None, None, None


def _image_groups(keys_BLA: Tensor, query_BKA: Tensor, *others: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield a buffer for y_BKLA, and the part of every tensor, for a few images at a time.

    All groups share one buffer: new memory would have to be fetched first.
    """
    (B, L, A), K = keys_BLA.shape, query_BKA.shape[1]
    at_once = min(max(1, B), rows_at_once(K * L * A, keys_BLA.device))
    buffer_BKLA = query_BKA.new_empty(at_once, K, L, A)
    parts = (torch.split(tensor, at_once) for tensor in (keys_BLA, query_BKA, *others))
    for tensors in zip(*parts, strict=True):
        yield buffer_BKLA[: len(tensors[0])], *tensors
