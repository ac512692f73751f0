"""Show and Tell.      B images, N rows, M positions, L locations, F feature, E embedding, H hidden."""

from typing import NamedTuple

from torch import Tensor, nn

from captioner.cells.base import CELLS, CellConfig
from captioner.decoders.base import DECODERS, DecoderStart
from captioner.decoders.output_layer import OutputLayer
from captioner.decoders.recurrent import RecurrentDecoder
from captioner.ranges import Dimension, Fraction


class ShowTellWord(NamedTuple):
    """The cell's input for a word."""

    word: Tensor  # (..., E)


@DECODERS.register("show_tell")
class ShowTell(RecurrentDecoder):
    r"""The image is the first word (Vinyals et al., 2015, eq. 10-12; NeuralTalk2, Karpathy).

        x_{-1} = W_I mean_l(a_l)                       the image, once
        x_t    = W_e s_t                               then the words, from <bos>
        p_{t+1} = softmax(W_o h_t),  h_t = cell(x_t, h_{t-1})

    Features of several locations are averaged; fc7 has one.

    Args:
        feature_dim: F.
        vocab_size: V.
        cell: config of the cell; None: `lstm`, as in the paper.
        embed_dim: E; 512 as in the paper.
        dropout: on the embedded image and words and on h_t before the output, as in the released code of
            both.
        image_norm: normalise W_I a over the batch, as later tutorials do. Features that are all positive
            move every unit in the same direction, and with a large learning rate the cell saturates before
            it distinguishes images: all captions become the same.
    """

    def __init__(
        self,
        feature_dim: int,
        vocab_size: int,
        cell: CellConfig = None,
        embed_dim: Dimension = 512,
        dropout: Fraction = 0.5,
        image_norm: bool = False,
    ) -> None:
        super().__init__()
        self.vocab_size = vocab_size
        self.image = nn.Linear(feature_dim, embed_dim)
        self.image_norm = nn.BatchNorm1d(embed_dim) if image_norm else nn.Identity()
        self.words = nn.Embedding(vocab_size, embed_dim)
        self.cell = CELLS.build(cell or {"name": "lstm"}, input_dim=embed_dim)
        self.dropout = nn.Dropout(dropout)
        self.output = OutputLayer(self.cell.hidden_dim, vocab_size)

    def start(self, features_BLF: Tensor) -> DecoderStart:
        """Run the cell on the image; there is no memory."""
        image_BE = self.dropout(self.image_norm(self.image(features_BLF.mean(dim=1))))
        return DecoderStart((), self.cell.step(self.cell.project(image_BE), self.cell.zero_state(image_BE)))

    def word_rows(self) -> dict[str, int]:
        """Name the word embedding and the output layer."""
        return {"words.weight": 0, "output.weight": 0, "output.bias": 0}

    def embed(self, tokens: Tensor) -> ShowTellWord:
        """Embed words: (...,) to x (..., E)."""
        return ShowTellWord(self.dropout(self.words(tokens)))

    def logits(self, embedded: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> Tensor:
        """Compute logits_MV = W_o h + b."""
        logits_MV: Tensor = self.output(self.dropout(output[0]))
        return logits_MV
