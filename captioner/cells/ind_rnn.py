"""The independently recurrent network.      N rows, T time, E input, H hidden."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from captioner.cells.base import CELLS, CellOutput, State
from captioner.cells.init import Init
from captioner.cells.recurrence.base import CellStep, PreActivations, Recurrence, RecurrentMatmul
from captioner.cells.recurrence.scan import relu_scan
from captioner.ranges import Dimension, Positive


@CELLS.register("ind_rnn")
class IndRNNCell(Recurrence):
    r"""Independently recurrent network: every unit sees its own past alone; gate h.

        h' = relu(W x + u * h + b)

    Starts with u in U(0, 1), and takes u no larger than `recurrent_max`: a unit with u = 1 adds up what it
    reads, one with a larger u explodes.

    Args:
        input_dim: E.
        hidden_dim: H.
        recurrent_max: the largest |u|, 2^(1/T) in the paper for sequences of T; above 0.
        init: initialisation of W, see `init.initialise`.
        init_scale: its scale; None: the default of `init`.

    Source:
        Li et al. (2018), "Independently recurrent neural network (IndRNN): building a longer and deeper RNN",
        eq. 4. The authors clip u after every update; here it is clipped where it is used, so that a u beyond
        the bound has no gradient.
    """

    num_states = 1
    gates = ("h",)
    recurrent_matrices: ClassVar = {}
    fused_on = frozenset({"cpu", "cuda", "mps"})

    def __init__(
        self,
        input_dim: int,
        hidden_dim: Dimension = 512,
        recurrent_max: Positive = 1.0,
        init: Init = "uniform",
        init_scale: Positive | None = None,
    ) -> None:
        super().__init__(input_dim, hidden_dim, 0.0, init, init_scale)
        self.recurrent_max = recurrent_max

    def add_parameters(self) -> None:
        """Create u."""
        self.recurrent_scale = nn.Parameter(torch.rand(self.hidden_dim))

    def cell_step(
        self, preactivations: PreActivations, state: State, recurrent_matmul: RecurrentMatmul
    ) -> CellStep:
        """Compute one step by the equation above.

        Args:
            preactivations: W x + b, (N, H).
            state: h, (N, H).
            recurrent_matmul: not used: there is no recurrent matrix.

        Returns:
            The new h, which is the only gate too.
        """
        h_NH = torch.addcmul(preactivations[0], self._bounded_scale(), state[0]).relu()
        return CellStep((h_NH,), (h_NH,))

    def fused(self, x_NTE: Tensor, state: State) -> CellOutput:
        """Run a whole sequence by a scan, in the precision of the state."""
        (input_NTH,) = self._cast_preactivations(self.project(x_NTE), state)
        outputs_NTH = relu_scan(self._bounded_scale(), input_NTH, state[0])
        return CellOutput(outputs_NTH, (outputs_NTH[:, -1],))

    def _bounded_scale(self) -> Tensor:
        return self.recurrent_scale.clamp(-self.recurrent_max, self.recurrent_max)
