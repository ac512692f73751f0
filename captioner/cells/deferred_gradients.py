"""Recurrent products through time, with the gradient of each matrix made once, late.

N rows, T time, H hidden, K columns of a product.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class DeferredWeightGradients:
    """The products a_t + u_t W^T of a piece of a sequence, where a_t is known for all times beforehand.

    Autograd would make the gradient of W at every step: T small products, and T sums of matrices as large
    as W. But the gradient of a_t is that of the product, so all of them together arrive where the a_t came
    from, and dW = sum_t da_t^T u_t is one product over all times. The loop reads W detached. Products are
    made in the precision of a_t, and given in that of u_t.
    """

    def __init__(self, weights_KH: dict[str, Tensor]) -> None:
        self._weights = weights_KH
        self._turned: dict[str, Tensor] = {}
        self._fed: dict[str, list[Tensor]] = {name: [] for name in weights_KH}

    def receive(self, name: str, sums_NTK: Tensor) -> tuple[Tensor, ...]:
        """The a_t (N, K) of a product, each of which goes to `add` under that name, once, in order."""
        self._turned[name] = self._weights[name].detach().to(sums_NTK.dtype).T
        received: tuple[Tensor, ...] = _Receive.apply(sums_NTK, self._weights[name], self._fed[name])
        return received

    def add(self, sum_NK: Tensor, fed_NH: Tensor, name: str) -> Tensor:
        """a_t + u_t W^T."""
        self._fed[name].append(fed_NH.detach())
        return torch.addmm(sum_NK, fed_NH, self._turned[name]).to(fed_NH.dtype)


class _Receive(torch.autograd.Function):
    """`unbind` through time whose backward also makes the gradient of the weight."""

    @staticmethod
    def forward(ctx: Any, sums_NTK: Tensor, weight_KH: Tensor, fed: list[Tensor]) -> tuple[Tensor, ...]:
        ctx.fed, ctx.dtype = fed, weight_KH.dtype
        return sums_NTK.unbind(dim=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        grad_NTK = torch.stack(grads, dim=1)
        fed_MH = torch.stack(ctx.fed, dim=1).flatten(0, 1).to(grad_NTK.dtype)
        return grad_NTK, (grad_NTK.flatten(0, 1).T @ fed_MH).to(ctx.dtype), None
