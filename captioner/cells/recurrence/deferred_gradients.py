"""Recurrent products through time, with each matrix's gradient computed once, after the loop.

N rows, T time, H hidden, K rows of a matrix, M = N*T.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class DeferredWeightGradients:
    """The products a_t + u_t W^T of a chunk of a sequence, where a_t is known for all times beforehand.

    Autograd would compute the gradient of W at every step: T small products, and T sums of matrices as large
    as W. But the gradient of a_t is that of the product, so all of them together arrive where the a_t came
    from, and dW = sum_t da_t^T u_t is one product over all times. The loop reads W detached. Products are
    computed in the precision of a_t, and returned in that of u_t.
    """

    def __init__(self, weights_KH: dict[str, Tensor]) -> None:
        self._weights = weights_KH
        self._transposed: dict[str, Tensor] = {}
        self._inputs: dict[str, list[Tensor]] = {name: [] for name in weights_KH}

    def unbind_time(self, name: str, preactivations_NTK: Tensor) -> tuple[Tensor, ...]:
        """Return the a_t (N, K) of a matrix; `recurrent_matmul` must take each of them once, in order."""
        self._transposed[name] = self._weights[name].detach().to(preactivations_NTK.dtype).T
        unbound: tuple[Tensor, ...] = _UnbindTime.apply(
            preactivations_NTK, self._weights[name], self._inputs[name]
        )
        return unbound

    def recurrent_matmul(self, preactivation_NK: Tensor, u_NH: Tensor, name: str) -> Tensor:
        """Compute a_t + u_t W^T.

        Args:
            preactivation_NK: a_t, from `unbind_time`.
            u_NH: u_t, the state or a function of it.
            name: the matrix's.

        Returns:
            The sum (N, K), in the precision of u_t.
        """
        self._inputs[name].append(u_NH.detach())
        return torch.addmm(preactivation_NK, u_NH, self._transposed[name]).to(u_NH.dtype)


class _UnbindTime(torch.autograd.Function):
    """`unbind` through time whose backward also computes the gradient of the weight."""

    @staticmethod
    def forward(
        ctx: Any, preactivations_NTK: Tensor, weight_KH: Tensor, inputs: list[Tensor]
    ) -> tuple[Tensor, ...]:
        ctx.inputs, ctx.dtype = inputs, weight_KH.dtype
        return preactivations_NTK.unbind(dim=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        grad_NTK = torch.stack(grads, dim=1)
        u_MH = torch.stack(ctx.inputs, dim=1).flatten(0, 1).to(grad_NTK.dtype)
        return grad_NTK, (grad_NTK.flatten(0, 1).T @ u_MH).to(ctx.dtype), None
