"""The base of cells whose state enters no product with a matrix.      N rows, T time, E input, H hidden."""

from abc import abstractmethod
from typing import ClassVar, NamedTuple

from torch import Tensor

from captioner.cells.base import CellOutput, State
from captioner.cells.recurrence.base import CellStep, PreActivations, Recurrence, RecurrentMatmul
from captioner.cells.recurrence.scan import linear_scan


class LinearStep(NamedTuple):
    """A step h' = decay * h + input, and the gates that made it."""

    decay: Tensor  # (..., H)
    input: Tensor  # (..., H)
    gates: tuple[Tensor, ...]  # in the order of the cell's `gates`


class LinearRecurrence(Recurrence):
    """A cell whose step is linear in h, with numbers that depend on the input alone.

    So they are known for all times beforehand, and a sequence is computed by a scan (`linear_scan`). Written
    is `linear_step`, once for any number of times.
    """

    num_states = 1
    recurrent_matrices: ClassVar = {}
    fused_on = frozenset({"cpu", "cuda", "mps"})

    @abstractmethod
    def linear_step(self, projected: Tensor) -> LinearStep:
        """Compute decay, input and gates from what `project` returns: (..., G) to leaves (..., H)."""

    def cell_step(
        self, preactivations: PreActivations, state: State, recurrent_matmul: RecurrentMatmul
    ) -> CellStep:
        """Compute one step.

        Args:
            preactivations: W x + b of all gates, (N, G).
            state: h, (N, H).
            recurrent_matmul: not used: there is no recurrent matrix.

        Returns:
            The new h, and the gates.
        """
        step = self.linear_step(preactivations[0])
        return CellStep((step.decay * state[0] + step.input,), step.gates)

    def fused(self, x_NTE: Tensor, state: State) -> CellOutput:
        """Run a whole sequence by a scan, in the precision of the state."""
        step = self.linear_step(self._cast_preactivations(self.project(x_NTE), state)[0])
        outputs_NTH = linear_scan(step.decay, step.input, state[0])
        return CellOutput(outputs_NTH, (outputs_NTH[:, -1],))
