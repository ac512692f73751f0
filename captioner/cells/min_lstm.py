"""The minimal long short-term memory.      N rows, T time, H hidden."""

import torch
import torch.nn.functional as F
from torch import Tensor

from captioner.cells.base import CELLS
from captioner.cells.init import Init
from captioner.cells.min_gru import positive
from captioner.cells.recurrence.linear import LinearRecurrence, LinearStep
from captioner.ranges import Dimension, Finite, Positive


@CELLS.register("min_lstm")
class MinLSTMCell(LinearRecurrence):
    r"""Minimal LSTM, whose gates do not see the state and sum to one; gates f, i, n.

        f, i = sigmoid(W x + b)                   forget and input gates
        f, i = f / (f + i), i / (f + i)
        n    = g(W x + b)                         candidate, above 0; g as of `min_gru`
        h'   = f * h + i * n

    There is no memory beside h and no output gate. The bias of f starts at `forget_bias` and that of i at
    minus it, so that for x = 0 the second f is sigmoid(forget_bias). A trace shows the second ones.

    Args:
        input_dim: E.
        hidden_dim: H.
        forget_bias: where the bias of f starts.
        init: initialisation of the input matrix, see `init.initialise`.
        init_scale: its scale; None: the default of `init`.

    Source:
        Feng et al. (2024), "Were RNNs all we needed?", sec. 3.2 and the log-space form of appendix B; see
        `min_gru` for the scan.
    """

    gates = ("f", "i", "n")
    forget_gate = ("f", 1.0)

    def __init__(
        self,
        input_dim: int,
        hidden_dim: Dimension = 512,
        forget_bias: Finite = 1.0,
        init: Init = "uniform",
        init_scale: Positive | None = None,
    ) -> None:
        super().__init__(input_dim, hidden_dim, forget_bias, init, init_scale)

    def add_parameters(self) -> None:
        """Start the bias of i at minus that of f."""
        with torch.no_grad():
            f, i, _ = self.input.bias.chunk(3)
            i.copy_(-f)

    def linear_step(self, projected: Tensor) -> LinearStep:
        """Compute the step by the equations above, from W x + b of f, i and n."""
        f, i, n = projected.chunk(3, dim=-1)
        log_ratio = F.logsigmoid(f) - F.logsigmoid(i)  # two gates near 0 have a ratio, their sum has none
        f, i, n = log_ratio.sigmoid(), torch.sigmoid(-log_ratio), positive(n)
        return LinearStep(f, i * n, (f, i, n))
