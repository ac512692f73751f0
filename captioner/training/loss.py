"""Hold a loss and what is logged with it, and weigh it against those of other processes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from captioner.training.gather import num_processes


class Loss(NamedTuple):
    """The loss to minimise, figures to log beside it, and of how many words or answers it is the mean."""

    loss: Tensor
    logs: dict[str, Tensor]
    size: int


class UnionLoss(NamedTuple):
    """The loss of the batches of all processes as one batch."""

    to_minimise: Tensor  # what this process adds to it
    mean: Tensor  # its value, without a gradient


def union_loss(own: Loss | None, parameters: Sequence[nn.Parameter]) -> UnionLoss | None:
    r"""Weigh the loss of a batch, so that training minimises the mean over the words of all processes.

    DDP takes the mean of the gradients of P processes, whose batches have different numbers of words n_p:

        mean over p of grad(P n_p / n loss_p) = sum over p of n_p / n grad(loss_p),    n = sum over p of n_p

    which is the gradient of one process on the union of the batches. DDP waits for a gradient of every
    parameter in every process: where a process has none, because its batch has nothing to learn from or the
    model does not use the parameter, that is zero.

    Args:
        own: the loss of this process, the mean over its `size` words; None where it has none.
        parameters: those that are trained.

    Returns:
        The loss; None where no process has anything to learn from.
    """
    processes = num_processes()
    if processes == 1:
        return None if own is None else UnionLoss(own.loss, own.loss.detach())
    loss, size = (parameters[0].new_zeros(()), 0) if own is None else (own.loss, own.size)
    value = loss.detach().double()
    sums = torch.stack([value * size, torch.full_like(value, size)])
    torch.distributed.all_reduce(sums)
    total = int(sums[1])
    if not total:
        return None
    reached = _ReachAll.apply(loss * (processes * size / total), *parameters)
    return UnionLoss(reached, (sums[0] / total).float())


class _ReachAll(torch.autograd.Function):
    """A loss as it is, from which backpropagation reaches every parameter, though it adds no gradient."""

    @staticmethod
    def forward(ctx: Any, loss: Tensor, *parameters: Tensor) -> Tensor:
        ctx.count = len(parameters)
        return loss.view_as(loss)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return (*gradients, *[None] * ctx.count)
