"""Sequences in a fused kernel of torch: cuDNN's on a GPU.      N rows, T time, E input, G all gates."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from captioner.cells.base import CellOutput, State
from captioner.cells.recurrence.base import Recurrence


def run_fused(
    kernel: Callable[..., Any],
    cell: Recurrence,
    x_NTE: Tensor,
    state: State,
    weights: tuple[Tensor, Tensor, Tensor] | None = None,
    second_bias_G: Tensor | None = None,
) -> CellOutput:
    """Run a whole sequence by `torch.lstm`, `torch.gru`, `torch.rnn_tanh` or `torch.rnn_relu`.

    Args:
        kernel: one of these functions.
        cell: the cell whose weights are used.
        x_NTE: the sequence.
        state: the state before it.
        weights: W_GE, U_GH and b_G, where the kernel needs them in another arrangement than the cell's own.
        second_bias_G: the bias that torch adds to the recurrent product; None: zeros.

    Returns:
        Outputs and last state, the state in the precision in which it was given.
    """
    W_GE, U_GH, b_G = weights or (cell.input.weight, cell.recurrent.weight, cell.input.bias)
    leaves = [leaf.unsqueeze(0).contiguous() for leaf in state]
    outputs_NTH, *last = kernel(
        x_NTE,
        leaves if len(leaves) > 1 else leaves[0],
        [W_GE, U_GH, b_G, torch.zeros_like(b_G) if second_bias_G is None else second_bias_G],
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=cell.training,
        bidirectional=False,
        batch_first=True,
    )
    # In mixed precision the kernel returns a state of half precision; the caller's next step may be in full.
    after = (leaf.squeeze(0).to(before.dtype) for leaf, before in zip(last, state, strict=True))
    return CellOutput(outputs_NTH, tuple(after))
