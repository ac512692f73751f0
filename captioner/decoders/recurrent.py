"""The base of decoders whose recurrence is a cell alone.      N rows, T time, M scored positions."""

from torch import Tensor

from captioner.cells.base import Cell, State
from captioner.decoders.base import Decoder, StepOutput
from captioner.tree import Tree


class RecurrentDecoder(Decoder):
    """A decoder whose steps depend on the word and the state alone: `embed` makes the input of the `cell`."""

    cell: Cell

    def recurrent_step(self, embedded: tuple[Tensor, ...], state: State, memory: Tree) -> StepOutput:
        """Run the cell for one word.

        Args:
            embedded: the cell's input, (N, E).
            state: the cell's.
            memory: not used.

        Returns:
            h as output, and the cell's new state.
        """
        state = self.cell.step(self.cell.project(embedded[0]), state)
        return StepOutput((state[0],), state)

    def unroll(
        self, embedded: tuple[Tensor, ...], state: State, memory: Tree, mask_BKT: Tensor
    ) -> tuple[tuple[Tensor, ...], None]:
        """Run the cell over whole sentences.

        Args:
            embedded: the cell's inputs, (N, T, E).
            state: the cell's, before the first word.
            memory: not used.
            mask_BKT: true where the next word is to be scored.

        Returns:
            h at the scored positions, (M, H), and None.
        """
        outputs_NTH, _ = self.cell(embedded[0], state)
        return (outputs_NTH[mask_BKT.flatten(0, 1)],), None
