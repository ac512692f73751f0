"""The base of cells that use the input itself beside products with it.      E input, H hidden."""

import torch
from torch import Tensor, nn

from captioner.cells.init import Init, initialise
from captioner.cells.recurrence.base import Recurrence
from captioner.ranges import Dimension, Finite, Positive


class IdentityInputCell(Recurrence):
    """A cell with a gate that adds the input itself, whose size must then be H.

    An input of another size is first multiplied by one matrix, e = V x, and e takes the place of x in every
    gate. `project` returns e, so that a second input, added to it, enters every gate too.

    Args:
        input_dim: E.
        hidden_dim: H.
        forget_bias: where the bias of the gate that keeps the old state starts; larger keeps more.
        init: initialisation of the matrices, see `init.initialise`.
        init_scale: its scale; None: the default of `init`.
    """

    def __init__(
        self,
        input_dim: int,
        hidden_dim: Dimension = 512,
        forget_bias: Finite = 0.0,
        init: Init = "uniform",
        init_scale: Positive | None = None,
    ) -> None:
        super().__init__(hidden_dim, hidden_dim, forget_bias, init, init_scale)
        self.input_dim = input_dim
        self.projected_dim = hidden_dim
        self.identity_bias = nn.Parameter(torch.zeros(hidden_dim))
        self.enter: nn.Module = nn.Identity()
        if input_dim != hidden_dim:
            self.enter = nn.Linear(input_dim, hidden_dim, bias=False)
            initialise([self.enter.weight], [], hidden_dim, init, init_scale)

    def project(self, x: Tensor) -> Tensor:
        """Compute V x, or return x itself where E = H: (..., E) -> (..., H)."""
        projected: Tensor = self.enter(x)
        return projected
