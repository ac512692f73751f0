"""Gradients through time: their norm at earlier states of a cell, and the matrices that scale them.

N rows, T time, E input, H hidden, S states of the cell, K steps back (in `singular_values`: a matrix's rows).

At every step back in time the gradient of an Elman cell is multiplied by U^T diag(1 - h^2). If the largest
singular value of U is below 1 the gradient must vanish, if it is above 1 the gradient can explode. The
gradient of an LSTM also flows along its memory, where only the forget gate multiplies it.

Source: Bengio, Simard and Frasconi (1994); Pascanu, Mikolov and Bengio (2013); for the LSTM Hochreiter and
Schmidhuber (1997) and Gers, Schmidhuber and Cummins (2000).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from captioner.cells.base import Cell, State
from captioner.cells.recurrence.base import Recurrence


class GradientFlow(NamedTuple):
    """The measurements of one cell.

    Args:
        gradient_norms: of the gradient at h, and at c where there is one, 0, 1, 2, ... characters back.
        singular_values: of each recurrent matrix by gate, the largest first.
        lengths: numbers of characters read.
        update_norms: of the gradient of all weights of the cell, for each of `lengths`.
        clipped_norms: the same after clipping.
    """

    gradient_norms: dict[str, list[float]]
    singular_values: dict[str, list[float]]
    lengths: list[int]
    update_norms: list[float]
    clipped_norms: list[float]


class UpdateNorms(NamedTuple):
    """The norm of the gradient of all parameters for each length, before and after clipping."""

    raw: Tensor
    clipped: Tensor


def gradient_norms(cell: Cell, x_NTE: Tensor, direction_NH: Tensor, state: State | None = None) -> Tensor:
    """Compute the norms |dL/ds_{T-k}| of L = direction . h_T, for k = 0 to T and every state s.

    Args:
        cell: any cell; it is run step by step.
        x_NTE: its inputs.
        direction_NH: the gradient of the loss at the last output, a row for each sequence.
        state: the initial state; zeros if not given.

    Returns:
        norms_SK, K = T + 1, means over the rows; of the states h comes first, then c.
    """
    start = cell.zero_state(x_NTE[:, 0]) if state is None else state
    states = [tuple(leaf.detach().clone().requires_grad_() for leaf in start)]
    for x_NE in x_NTE.detach().unbind(dim=1):
        states.append(cell.step(cell.project(x_NE), states[-1]))
    loss = (states[-1][0] * direction_NH).sum()
    backwards = [leaf_NH for leaves in reversed(states) for leaf_NH in leaves[: cell.num_states]]
    found = torch.autograd.grad(loss, backwards, allow_unused=True, materialize_grads=True)
    norms = torch.stack([gradient_NH.norm(dim=1).mean() for gradient_NH in found])
    return norms.view(len(states), cell.num_states).T


def update_norms(
    cell: Cell, x_NTE: Tensor, direction_NH: Tensor, lengths: Sequence[int], clip: float
) -> UpdateNorms:
    """Compute the norm of the gradient of all parameters, from a loss at the end of sequences of each length.

    Args:
        cell: any cell, started from zeros; its `grad` fields stay as they are.
        x_NTE: the sequences, T at least the largest of `lengths`; their last inputs are read.
        direction_NH: the gradient of the loss at the last output.
        lengths: how many inputs are read.
        clip: the largest norm after clipping, all parameters together.

    Returns:
        The norms before and after clipping, one for each of `lengths`.
    """
    parameters = list(cell.parameters())
    raw = []
    for length in lengths:
        x_NKE = x_NTE[:, x_NTE.shape[1] - length :].detach()
        last_NH = cell(x_NKE, cell.zero_state(x_NKE[:, 0])).state[0]
        found = torch.autograd.grad((last_NH * direction_NH).sum(), parameters, materialize_grads=True)
        raw.append(torch.stack([gradient.norm() for gradient in found]).norm())
    norms = torch.stack(raw)
    return UpdateNorms(norms, norms.clamp(max=clip))


def singular_values(cell: Cell) -> dict[str, Tensor]:
    """Return the singular values of every recurrent (H, H) matrix, the largest first, by gate.

    `1.i` is the gate i of a stack's first layer.
    """
    layers = {name: layer for name, layer in cell.named_modules() if isinstance(layer, Recurrence)}
    values: dict[str, Tensor] = {}
    for number, layer in enumerate(layers.values(), 1):
        place = "" if isinstance(cell, Recurrence) else f"{number}."
        for name, matrix_KH in layer.recurrent_weights().items():
            blocks = torch.split(matrix_KH.detach(), layer.hidden_dim)
            for gate, block_HH in zip(layer.recurrent_matrices[name], blocks, strict=True):
                values[place + gate] = torch.linalg.svdvals(block_HH)
    return values
