"""Initialisation of a cell's weights.      H hidden."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

Init = Literal["uniform", "normal", "orthogonal"]


def initialise(
    inputs: list[Tensor], recurrent: list[Tensor], hidden_dim: int, init: Init, scale: float | None
) -> None:
    """Fill the matrices of a cell in place.

    uniform:    U(-scale, scale); scale is 1/sqrt(H) if none is given
    normal:     N(0, scale^2), with the same default
    orthogonal: each gate's recurrent (H, H) block is `scale` (default 1) times a random orthogonal matrix,
                so that all its singular values are `scale`; input matrices are U(-1/sqrt(H), 1/sqrt(H))

    Args:
        inputs: matrices on the input, any shapes.
        recurrent: matrices on the state, each (k H, H).
        hidden_dim: H.
        init: which of the three.
        scale: as above; above 0.
    """
    usual = 1 / math.sqrt(hidden_dim)
    if init == "orthogonal":
        for matrix in recurrent:
            for block_HH in torch.split(matrix, hidden_dim):
                nn.init.orthogonal_(block_HH, gain=scale or 1.0)
        _fill(inputs, "uniform", usual)
    else:
        _fill([*inputs, *recurrent], init, scale or usual)


def _fill(matrices: list[Tensor], init: Init, scale: float) -> None:
    for matrix in matrices:
        if init == "normal":
            nn.init.normal_(matrix, std=scale)
        else:
            nn.init.uniform_(matrix, -scale, scale)
