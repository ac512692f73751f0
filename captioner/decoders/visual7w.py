"""Visual7W's reader.

B images, N rows, M positions, L locations, F feature, E embedding, H hidden, C context, V vocabulary.
"""

from typing import Literal, NamedTuple

from torch import Tensor, nn

from captioner.attention import AdditiveAttention, LocatedAttention
from captioner.cells.base import CELLS, CellConfig, State
from captioner.decoders.base import DECODERS, Decoder, DecoderStart, StepOutput
from captioner.errors import UserError


class Visual7WMemory(NamedTuple):
    """What stays of an image."""

    features_BLF: Tensor
    prepared: Tensor  # (B, L, A), or (B, L) of the located attention


class Visual7WWord(NamedTuple):
    """A word's part of the cell's gates."""

    projected: Tensor  # (..., G)


class Visual7WOutput(NamedTuple):
    """What a moment gives to the output."""

    h_NH: Tensor
    context_NF: Tensor


@DECODERS.register("visual7w")
class Visual7WDecoder(Decoder):
    r"""Image, question and answer read as one sentence, looking back at every word (Zhu et al., 2016).

        x_1 = relu(W_I mean_l(a_l) + b)                the image is the first word
        x_t = W_e s_t                                  then <bos>, the question, <bos>, the answer
        z_t = relu(W_z sum_l alpha_tl a_l + b)         attention asked by h_{t-1}, for the image too
        h_t = cell([x_t; z_t], h_{t-1}),  h_0 = 0
        p_{t+1} = softmax(W_o h_t + b)

    As the released code, which however takes x_1 from fc7 and the a_l from conv5_3; here both come from the
    one layer that the encoder gives. That code too parts question and answer by a word, one of its own where
    <bos> stands here. `attention` is `additive` (Xu et al., 2015; with `attention_dim`, 512 by default, and
    `score_gain`), or `located`, that code's own. With `output="deep"` the last line is
    softmax(W_o(h_t + W_s sum_l alpha_tl a_l) + b), after Xu et al.: what is seen last is told without a way
    through the cell, and encoder and attention learn several times as fast from nothing. `dropout` acts on
    what W_o is given. Visual7WWord vectors start in U(-embed_scale, embed_scale).

    Raises:
        UserError: `attention_dim` or `score_gain` beside the located attention, or features of which it is
            not known how many there are.
    """

    has_attention = True

    def __init__(
        self,
        feature_dim: int,
        vocab_size: int,
        num_locations: int | None = None,
        cell: CellConfig = None,
        embed_dim: int = 512,
        context_dim: int = 256,
        attention: Literal["additive", "located"] = "additive",
        attention_dim: int | None = None,
        score_gain: float | None = None,
        output: Literal["hidden", "deep"] = "hidden",
        dropout: float = 0.5,
        embed_scale: float = 0.1,
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
        # The cell's input is [word; context]. Its matrix stands in two parts, so that the words' part
        # can be made for all time at once.
        self.context_to_cell = nn.Linear(context_dim, self.cell.projected_dim, bias=False)
        deep = output == "deep"
        self.context_to_output = nn.Linear(feature_dim, self.cell.hidden_dim, bias=False) if deep else None
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(self.cell.hidden_dim, vocab_size)

    def start(self, features_BLF: Tensor) -> DecoderStart:
        """What attention keeps of each image, and the cell after it has read the image."""
        memory = Visual7WMemory(features_BLF, self.attention.prepare(features_BLF))
        image_BE = self.image(features_BLF.mean(dim=1)).relu()
        image = Visual7WWord(self.cell.project(image_BE))
        return DecoderStart(memory, self.recurrent_step(image, self.cell.zero_state(image_BE), memory).state)

    def embed(self, tokens: Tensor) -> Visual7WWord:
        """(...,) to a word's part of the gates (..., G)."""
        return Visual7WWord(self.cell.project(self.words(tokens)))

    def recurrent_step(
        self, embedded: tuple[Tensor, ...], state: State, memory: Visual7WMemory
    ) -> StepOutput:
        """Attend, cell_step."""
        context_NF, alphas_NL = self.attention(memory.features_BLF, memory.prepared, state[0])
        context_NC = self.context(context_NF).relu()
        state = self.cell.step(embedded[0] + self.context_to_cell(context_NC), state)
        return StepOutput(Visual7WOutput(state[0], context_NF), state, alphas_NL)

    def logits(self, embedded: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> Tensor:
        """logits_MV = W_o h + b, or deep."""
        told_MH, context_MF = output
        if self.context_to_output is not None:
            told_MH = told_MH + self.context_to_output(context_MF)
        logits_MV: Tensor = self.output(self.dropout(told_MH))
        return logits_MV


def _refuse_additive(attention_dim: int | None, score_gain: float | None) -> None:
    if attention_dim is not None or score_gain is not None:
        raise UserError("decoder visual7w: attention_dim and score_gain are for attention: additive.")


def _known(num_locations: int | None) -> int:
    if num_locations is None:
        raise UserError("decoder visual7w: attention: located needs images of one number of locations.")
    return num_locations
