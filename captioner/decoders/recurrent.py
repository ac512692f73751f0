"""Decoders whose recurrence is a cell and nothing more.      B images, K rows an image, N = B*K, T time."""

from torch import Tensor

from captioner.cells.base import Cell, State
from captioner.decoders.base import Decoder, StepOutput
from captioner.tree import Tree


class RecurrentDecoder(Decoder):
    """Shown nothing at a step but the word: `embed` gives what the `cell` reads, `logits` is given its h."""

    cell: Cell

    def recurrent_step(self, embedded: tuple[Tensor, ...], state: State, memory: Tree) -> StepOutput:
        """One step of the cell."""
        state = self.cell.step(self.cell.project(embedded[0]), state)
        return StepOutput((state[0],), state)

    def unroll(
        self, embedded: tuple[Tensor, ...], state: State, memory: Tree, mask_BKT: Tensor
    ) -> tuple[tuple[Tensor, ...], None]:
        """The cell's own whole-sequence path."""
        outputs_NTH, _ = self.cell(embedded[0], state)
        return (outputs_NTH[mask_BKT.flatten(0, 1)],), None
