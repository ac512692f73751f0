"""The three cells that a search over architectures found.      N rows, T time, E input, H hidden."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from captioner.cells.base import CELLS, State
from captioner.cells.init import Init, initialise
from captioner.cells.recurrence import CellStep, PreActivations, Recurrence, RecurrentMatmul


class IdentityInputCell(Recurrence):
    """A cell with a gate that takes the input itself, which must then be as large as the state.

    An input of another size goes first through one matrix, e = V x, and e stands for x in every gate. What
    `project` gives is e, so that a second input, added to it, is seen by every gate too.
    """

    def __init__(
        self,
        input_dim: int,
        hidden_dim: int = 512,
        forget_bias: float = 0.0,
        init: Init = "uniform",
        init_scale: float | None = None,
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
        """(..., E) -> (..., H): V x, or x itself where E = H."""
        projected: Tensor = self.enter(x)
        return projected


@CELLS.register("mut1")
class MUT1Cell(IdentityInputCell):
    r"""MUT1 (Jozefowicz et al., 2015); gates r, n, z.

        z  = sigmoid(W x + b)                     how much is new
        r  = sigmoid(W x + U h + b)               reset gate
        n  = tanh(U (r * h) + tanh(x) + b)        candidate
        h' = z * n + (1 - z) * h

    The x in tanh(x) is the input itself. The bias of z starts at minus `forget_bias`.
    """

    num_states = 1
    gates = ("r", "n", "z")
    recurrent_matrices: ClassVar = {"recurrent": ("r",), "candidate": ("n",)}
    identity_input_gate = "n"
    forget_gate = ("z", -1.0)

    def preactivations(self, projected: Tensor) -> PreActivations:
        """What r and n have of the input; z, which has nothing else."""
        r, z = self.input(projected).chunk(2, dim=-1)
        return r, projected.tanh() + self.identity_bias, z.sigmoid()

    def cell_step(
        self, preactivations: PreActivations, state: State, recurrent_matmul: RecurrentMatmul
    ) -> CellStep:
        """One step by the equations above."""
        (h_NH,), z_NH = state, preactivations[2]
        r_NH = recurrent_matmul(preactivations[0], h_NH, "recurrent").sigmoid()
        n_NH = recurrent_matmul(preactivations[1], r_NH * h_NH, "candidate").tanh()
        return CellStep((torch.lerp(h_NH, n_NH, z_NH),), (r_NH, n_NH, z_NH))


@CELLS.register("mut2")
class MUT2Cell(IdentityInputCell):
    r"""MUT2 (Jozefowicz et al., 2015); gates z, r, n.

        z  = sigmoid(W x + U h + b)               how much is new
        r  = sigmoid(x + U h + b)                 reset gate
        n  = tanh(U (r * h) + W x + b)            candidate
        h' = z * n + (1 - z) * h

    The x in the reset gate is the input itself. The bias of z starts at minus `forget_bias`.
    """

    num_states = 1
    gates = ("z", "r", "n")
    recurrent_matrices: ClassVar = {"recurrent": ("z", "r"), "candidate": ("n",)}
    identity_input_gate = "r"
    forget_gate = ("z", -1.0)

    def preactivations(self, projected: Tensor) -> PreActivations:
        """What z and r, and n, have of the input."""
        z, n = self.input(projected).chunk(2, dim=-1)
        return torch.cat([z, projected + self.identity_bias], dim=-1), n

    def cell_step(
        self, preactivations: PreActivations, state: State, recurrent_matmul: RecurrentMatmul
    ) -> CellStep:
        """One step by the equations above."""
        (h_NH,) = state
        z_NH, r_NH = recurrent_matmul(preactivations[0], h_NH, "recurrent").sigmoid().chunk(2, dim=-1)
        n_NH = recurrent_matmul(preactivations[1], r_NH * h_NH, "candidate").tanh()
        return CellStep((torch.lerp(h_NH, n_NH, z_NH),), (z_NH, r_NH, n_NH))


@CELLS.register("mut3")
class MUT3Cell(Recurrence):
    r"""MUT3 (Jozefowicz et al., 2015); gates z, r, n.

        z  = sigmoid(W x + U tanh(h) + b)         how much is new
        r  = sigmoid(W x + U h + b)               reset gate
        n  = tanh(U (r * h) + W x + b)            candidate
        h' = z * n + (1 - z) * h

    The bias of z starts at minus `forget_bias`.
    """

    num_states = 1
    gates = ("z", "r", "n")
    recurrent_matrices: ClassVar = {"update": ("z",), "recurrent": ("r",), "candidate": ("n",)}
    forget_gate = ("z", -1.0)

    def cell_step(
        self, preactivations: PreActivations, state: State, recurrent_matmul: RecurrentMatmul
    ) -> CellStep:
        """One step by the equations above."""
        (h_NH,) = state
        z_NH = recurrent_matmul(preactivations[0], h_NH.tanh(), "update").sigmoid()
        r_NH = recurrent_matmul(preactivations[1], h_NH, "recurrent").sigmoid()
        n_NH = recurrent_matmul(preactivations[2], r_NH * h_NH, "candidate").tanh()
        return CellStep((torch.lerp(h_NH, n_NH, z_NH),), (z_NH, r_NH, n_NH))
