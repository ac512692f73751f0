"""How far back a loss reaches: the gradient at earlier states of a cell, and what multiplies it on the way.

N rows, T time, E input, H hidden, S states of the cell, K steps back.

At every step back the gradient of an Elman cell is multiplied by U^T diag(1 - h^2): where the largest
singular value of U is below 1 it must vanish, above 1 it can explode (Bengio et al., 1994; Pascanu et al.,
2013). An LSTM's goes back along its memory too, multiplied by the forget gate alone (Hochreiter and
Schmidhuber, 1997; Gers et al., 2000).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from captioner.cells.base import Cell, State
from captioner.cells.recurrence import Recurrence


class Flow(NamedTuple):
    """What was found of one cell."""

    gradient_norms: dict[str, list[float]]  # of h, and c where there is one: k = 0, 1, ... characters back
    singular_values: dict[str, list[float]]  # of each recurrent matrix, by gate, the largest first
    lengths: list[int]  # characters read
    update_norms: list[float]  # of the gradient of all weights of the cell, after so many characters
    clipped_norms: list[float]


class UpdateNorms(NamedTuple):
    """The norm of the gradient of all parameters, by the length of the sequence."""

    raw: Tensor
    clipped: Tensor


def gradient_norms(cell: Cell, x_NTE: Tensor, direction_NH: Tensor, state: State | None = None) -> Tensor:
    """The norms |dL/ds_{T-k}| of L = direction . h_T, for k = 0 to T and every state s: h first, then c.

    Args:
        cell: any; run step by step.
        x_NTE: what it reads.
        direction_NH: the gradient of the loss at the last output, a row for each sequence.
        state: where it starts; zeros if not given.

    Returns:
        norms_SK, K = T + 1, means over the rows.
    """
    start = cell.zero_state(x_NTE[:, 0]) if state is None else state
    states = [tuple(leaf.detach().clone().requires_grad_() for leaf in start)]
    for x_NE in x_NTE.detach().unbind(dim=1):
        states.append(cell.step(cell.project(x_NE), states[-1]))
    loss = (states[-1][0] * direction_NH).sum()
    backwards = [leaf_NH for now in reversed(states) for leaf_NH in now[: cell.num_states]]
    found = torch.autograd.grad(loss, backwards, allow_unused=True, materialize_grads=True)
    norms = torch.stack([gradient_NH.norm(dim=1).mean() for gradient_NH in found])
    return norms.view(len(states), cell.num_states).T


def update_norms(
    cell: Cell, x_NTE: Tensor, direction_NH: Tensor, lengths: Sequence[int], clip: float
) -> UpdateNorms:
    """How large an update the loss at the end of ever longer sequences asks for, and what clipping leaves.

    Args:
        cell: any, from zeros; its `grad` fields stay as they are.
        x_NTE: the sequences, the longest of `lengths` or longer; their last inputs are read.
        direction_NH: the gradient of the loss at the last output.
        lengths: how many inputs are read.
        clip: the norm that a gradient is scaled down to, all parameters together.
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
    """Those of every recurrent (H, H) matrix, largest first, by gate: `1.i` is i of a stack's first layer."""
    layers = {name: layer for name, layer in cell.named_modules() if isinstance(layer, Recurrence)}
    values: dict[str, Tensor] = {}
    for number, layer in enumerate(layers.values(), 1):
        place = "" if isinstance(cell, Recurrence) else f"{number}."
        for name, matrix_KH in layer.recurrent_weights().items():
            blocks = torch.split(matrix_KH.detach(), layer.hidden_dim)
            for gate, block_HH in zip(layer.recurrent_matrices[name], blocks, strict=True):
                values[place + gate] = torch.linalg.svdvals(block_HH)
    return values
