"""The real-gated linear recurrent unit of Griffin.      N rows, T time, E input, H hidden."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from captioner.cells.base import CELLS
from captioner.cells.identity_input import IdentityInputCell
from captioner.cells.init import Init
from captioner.cells.recurrence.base import PreActivations
from captioner.cells.recurrence.linear import LinearRecurrence, LinearStep
from captioner.ranges import Dimension, Positive

EXPONENT = 8.0
"""c of the paper: how fast the recurrence gate can forget."""


@CELLS.register("rg_lru")
class RGLRUCell(IdentityInputCell, LinearRecurrence):
    r"""Real-gated linear recurrent unit; gates r, i, x.

        r  = sigmoid(W x + b)                     recurrence gate
        i  = sigmoid(W x + b)                     input gate
        a  = sigmoid(Lambda) ^ (8 r)              what is kept of the state
        h' = a * h + sqrt(1 - a^2) * (i * x)

    The x in the last line is the input itself. Lambda is a vector, with which sigmoid(Lambda)^8 starts in
    U(0.9, 0.999). With a gate near 0 the state is kept and the input left out.

    Args:
        input_dim: E.
        hidden_dim: H.
        init: initialisation of the matrices, see `init.initialise`.
        init_scale: its scale; None: the default of `init`.

    Source:
        De et al. (2024), "Griffin: mixing gated linear recurrences with local attention for efficient
        language models", sec. 2.4 and appendix A. There W is block diagonal, and the unit stands in a block
        with a convolution before it; here W is dense, and the unit is a cell by itself. The bias b_x on x is
        ours; it starts at 0.
    """

    gates = ("r", "i", "x")
    identity_input_gate = "x"
    recurrent_matrices: ClassVar = {}

    def __init__(
        self,
        input_dim: int,
        hidden_dim: Dimension = 512,
        init: Init = "uniform",
        init_scale: Positive | None = None,
    ) -> None:
        super().__init__(input_dim, hidden_dim, 0.0, init, init_scale)

    def add_parameters(self) -> None:
        """Create Lambda."""
        kept_H = torch.empty(self.hidden_dim).uniform_(0.9, 0.999) ** (1 / EXPONENT)
        self.decay = nn.Parameter(torch.logit(kept_H))

    def preactivations(self, projected: Tensor) -> PreActivations:
        """Return W x + b of r and i, and x."""
        return (torch.cat([self.input(projected), projected + self.identity_bias], dim=-1),)

    def linear_step(self, projected: Tensor) -> LinearStep:
        """Compute the step by the equations above, from W x + b of r and i, and x."""
        r, i, x = projected.chunk(3, dim=-1)
        r, i = r.sigmoid(), i.sigmoid()
        log_a = EXPONENT * r * F.logsigmoid(self.decay)
        # 1 - a^2 without cancellation; at 0, where r has underflowed, the root would have no gradient.
        scale = (-torch.expm1(2 * log_a)).clamp(min=1e-30).sqrt()
        return LinearStep(log_a.exp(), scale * i * x, (r, i, x))
