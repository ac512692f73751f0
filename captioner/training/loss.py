"""Hold a loss and what is logged with it, and weigh it against those of other processes."""

from collections.abc import Iterable
from typing import NamedTuple

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


def union_loss(own: Loss | None, parameters: Iterable[nn.Parameter]) -> UnionLoss | None:
    r"""Weigh the loss of a batch, so that training minimises the mean over the words of all processes.

    DDP takes the mean of the gradients of P processes, whose batches have different numbers of words n_p:

        mean over p of grad(P n_p / n loss_p) = sum over p of n_p / n grad(loss_p),    n = sum over p of n_p

    which is the gradient of one process on the union of the batches. A process whose batch has nothing to
    learn from adds a gradient of zeros to every parameter, for which the others wait.

    Args:
        own: the loss of this process, the mean over its `size` words; None where it has none.
        parameters: those that are trained.

    Returns:
        The loss; None where no process has anything to learn from.
    """
    processes = num_processes()
    if processes == 1:
        return None if own is None else UnionLoss(own.loss, own.loss.detach())
    trained = list(parameters)
    device = trained[0].device
    value, size = (torch.zeros((), device=device), 0) if own is None else (own.loss.detach(), own.size)
    sums = torch.stack([value.double() * size, torch.full_like(value, size, dtype=torch.double)])
    torch.distributed.all_reduce(sums)
    total = int(sums[1])
    if not total:
        return None
    if own is None:
        nothing = torch.stack([weight.sum() for weight in trained]).sum() * 0.0
        return UnionLoss(nothing, (sums[0] / total).float())
    return UnionLoss(own.loss * (processes * size / total), (sums[0] / total).float())
