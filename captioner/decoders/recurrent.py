"""Decoders whose recurrence is a cell and nothing more.      B images, K rows an image, N = B*K, T time."""

from torch import Tensor

from captioner.cells.base import Cell, State
from captioner.decoders.base import Advanced, Decoder
from captioner.tree import Tree


class PlainDecoder(Decoder):
    """Shown nothing at a step but the word: `embed` gives what the `cell` reads, `predict` is given its h."""

    cell: Cell

    def advance(self, embedded: tuple[Tensor, ...], state: State, memory: Tree) -> Advanced:
        """One step of the cell."""
        state = self.cell.step(self.cell.project(embedded[0]), state)
        return Advanced((state[0],), state)

    def unroll(
        self, embedded: tuple[Tensor, ...], state: State, memory: Tree, counts_BKT: Tensor
    ) -> tuple[tuple[Tensor, ...], None]:
        """The cell's own whole-sequence path."""
        outputs_NTH, _ = self.cell(embedded[0], state)
        return (outputs_NTH[counts_BKT.flatten(0, 1)],), None
