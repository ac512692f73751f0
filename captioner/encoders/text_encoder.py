"""Sentences to features.      N sentences, T words, E embedding, S state of the cells, F feature."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from captioner.cells.base import CELLS, Cell, CellConfig, CellOutput
from captioner.errors import UserError
from captioner.ranges import Dimension, Fraction


class EncodedSentence(NamedTuple):
    """Outputs of a sentence, and the last state."""

    outputs_NTF: Tensor  # after every word; both directions concatenated, if there are two
    state_NS: Tensor  # after the last word: h, c, ... of every layer


class TextEncoder(nn.Module):
    r"""A cell run over the words of a sentence.

        x_t = dropout(W_e s_t),  with `squash` tanh of it        (Antol et al., 2015, for questions)
        h_t = cell(x_t, h_{t-1}),  h_0 = 0

    The sentences of a batch have one length, so that nothing is padded and a row does not depend on its
    batch: see the `length_buckets` of `data.loader`.

    Args:
        vocab_size: V.
        cell: config of the cell; None: `lstm`.
        embed_dim: E.
        dropout: on the word vectors.
        squash: apply tanh to the word vectors.
        bidirectional: run a second cell from the last word to the first (Schuster and Paliwal, 1997).
        reverse: run the cell from the last word to the first (Sutskever et al., 2014).

    Raises:
        UserError: `reverse` is set beside `bidirectional`.
    """

    def __init__(
        self,
        vocab_size: int,
        cell: CellConfig = None,
        embed_dim: Dimension = 200,
        dropout: Fraction = 0.0,
        squash: bool = False,
        bidirectional: bool = False,
        reverse: bool = False,
    ) -> None:
        super().__init__()
        if bidirectional and reverse:
            raise UserError("text_encoder: reverse has no meaning where both directions are used.")
        self.words = nn.Embedding(vocab_size, embed_dim)
        self.dropout = nn.Dropout(dropout)
        self.squash = squash
        self.reverse = reverse
        cells = [CELLS.build(cell or {"name": "lstm"}, input_dim=embed_dim) for _ in range(1 + bidirectional)]
        self.feature_dim = cells[0].hidden_dim * len(cells)
        self.state_dim = cells[0].num_states * self.feature_dim
        self.cells = nn.ModuleList(cells)

    def word_rows(self) -> dict[str, int]:
        """Name the word embedding, and the word number of its first row."""
        return {"words.weight": 0}

    def forward(self, tokens_NT: Tensor) -> EncodedSentence:
        """Encode sentences of one length, at least one word."""
        x_NTE = self.dropout(self.words(tokens_NT))
        x_NTE = x_NTE.tanh() if self.squash else x_NTE
        backwards = [self.reverse, True][: len(self.cells)]
        ran = [self._run(cell, x_NTE, back) for cell, back in zip(self.cells, backwards, strict=True)]
        outputs_NTF = torch.cat([one.outputs_NTH for one in ran], dim=-1)
        return EncodedSentence(outputs_NTF, torch.cat([leaf for one in ran for leaf in one.state], dim=-1))

    def _run(self, cell: nn.Module, x_NTE: Tensor, back: bool) -> CellOutput:
        """Run a cell in one direction; outputs are in the order of the words."""
        assert isinstance(cell, Cell)
        x_NTE = x_NTE.flip(1) if back else x_NTE
        outputs_NTH, state = cell(x_NTE, cell.zero_state(x_NTE[:, 0]))
        return CellOutput(outputs_NTH.flip(1) if back else outputs_NTH, state[: cell.num_states])
