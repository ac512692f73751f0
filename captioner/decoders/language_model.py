"""A language model: a decoder that does not use the image.

B images, N rows, T time, M positions, L locations (0), F feature, E embedding, H hidden, V vocabulary.
"""

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from captioner.cells.base import CELLS, CellConfig, State
from captioner.cells.init import initialise
from captioner.decoders.base import DECODERS, DecoderStart
from captioner.decoders.output_layer import OutputLayer
from captioner.decoders.recurrent import RecurrentDecoder
from captioner.ranges import Dimension, Fraction, Positive
from captioner.vocabulary import SPECIAL


class EmbeddedToken(NamedTuple):
    """The cell's input for a character or a word."""

    symbol: Tensor  # (..., E)


class EncodedText(NamedTuple):
    """Outputs of a text, and the state after it."""

    outputs_NTH: Tensor
    state: State


@DECODERS.register("language_model")
class LanguageModel(RecurrentDecoder):
    r"""The next symbol from those before it alone (Karpathy, 2015, min-char-rnn and char-rnn).

        x_t     = W_e s_t                          s_t itself, one-hot, where `embed_dim` is null
        h_t     = cell(x_t, h_{t-1}),  h_0 = 0
        p_{t+1} = softmax(W_o h_t + b)

    Features are not used, so L = 0 is allowed. As a captioner it is the baseline without the image.

    Args:
        vocab_size: V.
        cell: config of the cell; None: `lstm`.
        embed_dim: E; None: one-hot symbols.
        dropout: on h_t before the output.
        init: initialisation of W_o, as of a cell's matrices; b starts at 0.
        init_scale: its scale; None: the default of `init`.
        endless: the text has no special words: they have probability 0, and are embedded as zeros. The task
            supplies this.
    """

    uses_image = False

    def __init__(
        self,
        vocab_size: int,
        cell: CellConfig = None,
        embed_dim: Dimension | None = None,
        dropout: Fraction = 0.0,
        init: Literal["uniform", "normal"] = "uniform",
        init_scale: Positive | None = None,
        endless: bool = False,
    ) -> None:
        super().__init__()
        self.vocab_size = vocab_size
        self.unsaid = len(SPECIAL) if endless else 0  # words that cannot come next: the first numbers
        num_symbols = vocab_size - self.unsaid
        self.symbols = None if embed_dim is None else nn.Embedding(num_symbols, embed_dim)
        self.cell = CELLS.build(cell or {"name": "lstm"}, input_dim=embed_dim or num_symbols)
        self.dropout = nn.Dropout(dropout)
        self.output = OutputLayer(self.cell.hidden_dim, num_symbols)
        initialise([self.output.weight], [], self.cell.hidden_dim, init, init_scale)
        nn.init.zeros_(self.output.bias)

    def start(self, features_BLF: Tensor) -> DecoderStart:
        """Return the zero state."""
        return DecoderStart((), self.cell.zero_state(features_BLF))

    def word_rows(self) -> dict[str, int]:
        """Name the embedding, if there is one, and the output layer; both lack an endless text's specials."""
        names = ["output.weight", "output.bias"] + ["symbols.weight"] * (self.symbols is not None)
        return dict.fromkeys(names, self.unsaid)

    def embed(self, tokens: Tensor) -> EmbeddedToken:
        """Embed symbols: (...,) to x (..., E)."""
        if self.symbols is None:
            one_hot = F.one_hot(tokens.long(), self.vocab_size)[..., self.unsaid :]
            return EmbeddedToken(one_hot.to(self.output.weight.dtype))
        is_symbol = (tokens >= self.unsaid).unsqueeze(-1)
        return EmbeddedToken(self.symbols((tokens - self.unsaid).clamp(min=0)) * is_symbol)

    def read(self, tokens_NT: Tensor, state: State) -> EncodedText:
        """Run the cell on from a state: outputs at every time, and the last state."""
        return EncodedText(*self.cell(self.embed(tokens_NT).symbol, state))

    def logits(self, embedded: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> Tensor:
        """Compute logits_MV = W_o h + b, and -inf for the special words of an endless text."""
        logits: Tensor = self.output(self.dropout(output[0]))
        return F.pad(logits, (self.unsaid, 0), value=-torch.inf) if self.unsaid else logits
