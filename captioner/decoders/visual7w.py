"""The decoder of Visual7W, which attends to the image while it takes in question and answer.

B images, N rows, M positions, L locations, F feature, E embedding, H hidden, C context, V vocabulary.
"""

from typing import Literal, NamedTuple

from torch import Tensor, nn

from captioner.attention.additive import AdditiveAttention, LocatedAttention
from captioner.cells.base import CELLS, CellConfig, State
from captioner.decoders.base import DECODERS, Decoder, DecoderStart, StepOutput
from captioner.decoders.output_layer import OutputLayer
from captioner.errors import UserError
from captioner.ranges import Dimension, Fraction, Positive


class Visual7WMemory(NamedTuple):
    """Features and attention keys of each image."""

    features_BLF: Tensor
    prepared: Tensor  # (B, L, A), or (B, L) of the located attention


class Visual7WWord(NamedTuple):
    """A word's part of the cell's gates."""

    projected: Tensor  # (..., G)


class Visual7WOutput(NamedTuple):
    """Hidden state and context vector, the input of the output layer."""

    h_NH: Tensor
    context_NF: Tensor


@DECODERS.register("visual7w")
class Visual7WDecoder(Decoder):
    r"""Image, question and answer as one sequence, with attention at every word (Zhu et al., 2016).

        x_1 = relu(W_I mean_l(a_l) + b)                the image is the first word
        x_t = W_e s_t                                  then <bos>, the question, <bos>, the answer
        z_t = relu(W_z sum_l alpha_tl a_l + b)         the query is h_{t-1}, for the image too
        h_t = cell([x_t; z_t], h_{t-1}),  h_0 = 0
        p_{t+1} = softmax(W_o h_t + b)

    This follows the released code, which takes x_1 from fc7 and the a_l from conv5_3; here both come from the
    one layer that the encoder returns. That code also separates question and answer by a word, one of its own
    where <bos> is used here.

    Args:
        feature_dim: F.
        vocab_size: V.
        num_locations: L, which the located attention needs.
        cell: config of the cell; None: `lstm`.
        embed_dim: E.
        context_dim: C.
        attention: `additive` (Xu et al., 2015), or `located`, that of the released code.
        attention_dim: A of the additive attention; None: 512.
        score_gain: of the additive attention; None: 1.
        output: `hidden`, as above; or `deep`, after Xu et al.: W_o(h_t + W_s sum_l alpha_tl a_l) + b. Then a
            skip connection feeds the last context to the output layer, and encoder and attention learn
            several times as fast from random weights.
        dropout: on the input of W_o.
        embed_scale: word vectors start in U(-embed_scale, embed_scale).

    Raises:
        UserError: `attention_dim` or `score_gain` beside the located attention, or no `num_locations` for it.
    """

    has_attention = True

    def __init__(
        self,
        feature_dim: int,
        vocab_size: int,
        num_locations: int | None = None,
        cell: CellConfig = None,
        embed_dim: Dimension = 512,
        context_dim: Dimension = 256,
        attention: Literal["additive", "located"] = "additive",
        attention_dim: Dimension | None = None,
        score_gain: Positive | None = None,
        output: Literal["hidden", "deep"] = "hidden",
        dropout: Fraction = 0.5,
        embed_scale: Positive = 0.1,
    ) -> None:
        super().__init__()
        self.vocab_size = vocab_size
        self.image = nn.Linear(feature_dim, embed_dim)
        self.words = nn.Embedding(vocab_size, embed_dim)
        nn.init.uniform_(self.words.weight, -embed_scale, embed_scale)
        self.cell = CELLS.build(cell or {"name": "lstm"}, input_dim=embed_dim)
        self.attention: AdditiveAttention | LocatedAttention
        if attention == "located":
            _refuse_additive(attention_dim, score_gain)
            self.attention = LocatedAttention(feature_dim, self.cell.hidden_dim, _known(num_locations))
        else:
            attention_dim = 512 if attention_dim is None else attention_dim
            score_gain = 1.0 if score_gain is None else score_gain
            self.attention = AdditiveAttention(
                feature_dim, self.cell.hidden_dim, attention_dim, score_gain=score_gain
            )
        self.context = nn.Linear(feature_dim, context_dim)
        # The cell's input is [word; context]. Its matrix has two parts, so that the words' part is one
        # product for all times.
        self.context_to_cell = nn.Linear(context_dim, self.cell.projected_dim, bias=False)
        deep = output == "deep"
        self.context_to_output = nn.Linear(feature_dim, self.cell.hidden_dim, bias=False) if deep else None
        self.dropout = nn.Dropout(dropout)
        self.output = OutputLayer(self.cell.hidden_dim, vocab_size)

    def start(self, features_BLF: Tensor) -> DecoderStart:
        """Compute the attention keys, and run the cell on the image."""
        memory = Visual7WMemory(features_BLF, self.attention.prepare(features_BLF))
        image_BE = self.image(features_BLF.mean(dim=1)).relu()
        image = Visual7WWord(self.cell.project(image_BE))
        return DecoderStart(memory, self.recurrent_step(image, self.cell.zero_state(image_BE), memory).state)

    def word_rows(self) -> dict[str, int]:
        """Name the word embedding and the output layer."""
        return {"words.weight": 0, "output.weight": 0, "output.bias": 0}

    def embed(self, tokens: Tensor) -> Visual7WWord:
        """Embed words: (...,) to their part of the gates (..., G)."""
        return Visual7WWord(self.cell.project(self.words(tokens)))

    def recurrent_step(
        self, embedded: tuple[Tensor, ...], state: State, memory: Visual7WMemory
    ) -> StepOutput:
        """Attend and run the cell.

        Args:
            embedded: a word's part of the gates.
            state: the cell's.
            memory: features and attention keys.

        Returns:
            h_t and the context as output, the cell's new state, alpha_t.
        """
        context_NF, alphas_NL = self.attention(memory.features_BLF, memory.prepared, state[0])
        context_NC = self.context(context_NF).relu()
        state = self.cell.step(embedded[0] + self.context_to_cell(context_NC), state)
        return StepOutput(Visual7WOutput(state[0], context_NF), state, alphas_NL)

    def logits(self, embedded: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> Tensor:
        """Compute logits_MV = W_o h + b, or by the deep output."""
        output_MH, context_MF = output
        if self.context_to_output is not None:
            output_MH = output_MH + self.context_to_output(context_MF)
        logits_MV: Tensor = self.output(self.dropout(output_MH))
        return logits_MV


def _refuse_additive(attention_dim: int | None, score_gain: float | None) -> None:
    if attention_dim is not None or score_gain is not None:
        raise UserError("decoder visual7w: attention_dim and score_gain are for attention: additive.")


def _known(num_locations: int | None) -> int:
    if num_locations is None:
        raise UserError("decoder visual7w: attention: located needs images of one number of locations.")
    return num_locations
