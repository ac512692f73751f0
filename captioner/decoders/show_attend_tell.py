"""Show, Attend and Tell.

B images, N rows, M positions, L locations, F feature, E embedding, H hidden, A attention, V vocabulary.
"""

from typing import Literal, NamedTuple

from torch import Tensor, nn

from captioner.attention.additive import AdditiveAttention
from captioner.attention.kernels import SharedKeys
from captioner.attention.mode import AttentionMode
from captioner.cells.base import CELLS, CellConfig, State
from captioner.decoders.base import DECODERS, Decoder, DecoderStart, StepOutput
from captioner.decoders.output_layer import OutputLayer
from captioner.ranges import Dimension, Fraction, Positive


class AttentionMemory(NamedTuple):
    """Features and attention keys of each image."""

    features_BLF: Tensor
    prepared: Tensor | SharedKeys  # (B, L, A)


class EmbeddedWord(NamedTuple):
    """A word vector, and its part of the cell's gates."""

    word: Tensor  # (..., E)
    projected: Tensor  # (..., G)


class AttentionOutput(NamedTuple):
    """Hidden state and context vector, the input of the output layer."""

    h_NH: Tensor
    context_NF: Tensor


@DECODERS.register("show_attend_tell")
class ShowAttendTell(Decoder):
    r"""Attention at every word (Xu et al., 2015, sec. 3.1 and 4).

        h_0, c_0 = tanh(W_init mean_l(a_l))                     sec. 3.1.2, one layer each
        z_t = beta_t sum_l alpha_tl a_l                         soft; the query is h_{t-1}
        z_t = beta_t a_s, s drawn from alpha_t                  hard
        beta_t = sigmoid(f_beta(h_{t-1}))                       a scalar, sec. 4.2.1
        h_t = cell([E y_{t-1}; z_t], h_{t-1})                   eq. 1-3
        p_t = softmax(L_o(E y_{t-1} + L_h h_t + L_z z_t))       deep output, eq. 7

    Defaults are the paper's where it gives a value; other values are those of later code.

    Args:
        feature_dim: F, D in the paper.
        vocab_size: V, K in the paper.
        cell: config of the cell; None: `lstm`, as in the paper.
        embed_dim: E, m in the paper.
        attention_dim: A, the hidden layer of the attention.
        dropout: on the sum before L_o.
        gate: beta_t is a `scalar`, as in the paper; a `vector` with a gate for each feature; or `none`.
        output: `deep`, as in the paper; or `hidden`: softmax(L_o h_t).
        activation: of the attention; tanh, or relu as in later tutorials.
        embed_scale: word vectors start in U(-embed_scale, embed_scale).
        score_gain: factor on the attention's initial v, see `AdditiveAttention`.
        attention: soft attention, the `mean` of all locations; or hard attention to one location, that of the
            greatest alpha (`argmax`) or one drawn (`sample`). The objective `hard_attention` draws in
            training whatever is written here, and a search can attend in another way.

    Source:
        Xu et al. (2015), "Show, attend and tell: neural image caption generation with visual attention".
        The matrix on [E y_{t-1}; z_t] is kept in two parts, for the word and for the context.
    """

    has_attention = True
    has_hard_attention = True

    def __init__(
        self,
        feature_dim: int,
        vocab_size: int,
        cell: CellConfig = None,
        embed_dim: Dimension = 512,
        attention_dim: Dimension = 512,
        dropout: Fraction = 0.5,
        gate: Literal["scalar", "vector", "none"] = "scalar",
        output: Literal["deep", "hidden"] = "deep",
        activation: Literal["tanh", "relu"] = "tanh",
        embed_scale: Positive = 0.1,
        score_gain: Positive = 1.0,
        attention: AttentionMode = "mean",
    ) -> None:
        super().__init__()
        self.vocab_size = vocab_size
        self.words = nn.Embedding(vocab_size, embed_dim)
        nn.init.uniform_(self.words.weight, -embed_scale, embed_scale)
        self.cell = CELLS.build(cell or {"name": "lstm"}, input_dim=embed_dim)
        hidden_dim = self.cell.hidden_dim
        # The cell's input is [word; context]. Its matrix has two parts, so that the words' part is one
        # product for all times.
        self.context_to_cell = nn.Linear(feature_dim, self.cell.projected_dim, bias=False)
        self.attention = AdditiveAttention(
            feature_dim, hidden_dim, attention_dim, activation, score_gain, attention
        )
        self.init = nn.Linear(feature_dim, hidden_dim * self.cell.num_states)
        gate_dim = {"scalar": 1, "vector": feature_dim, "none": 0}[gate]
        self.gate = nn.Linear(hidden_dim, gate_dim) if gate_dim else None
        self.dropout = nn.Dropout(dropout)
        deep = output == "deep"
        self.hidden_to_output = nn.Linear(hidden_dim, embed_dim, bias=False) if deep else None
        self.context_to_output = nn.Linear(feature_dim, embed_dim, bias=False) if deep else None
        self.output = OutputLayer(embed_dim if deep else hidden_dim, vocab_size)

    def start(self, features_BLF: Tensor) -> DecoderStart:
        """Compute the attention keys, and the cell's state from the mean feature."""
        state = self.init(features_BLF.mean(dim=1)).tanh().chunk(self.cell.num_states, dim=-1)
        return DecoderStart(AttentionMemory(features_BLF, self.attention.prepare(features_BLF)), state)

    def word_rows(self) -> dict[str, int]:
        """Name the word embedding and the output layer."""
        return {"words.weight": 0, "output.weight": 0, "output.bias": 0}

    def embed(self, tokens: Tensor) -> EmbeddedWord:
        """Embed words: (...,) to E y (..., E) and its part of the gates (..., G)."""
        word = self.words(tokens)
        return EmbeddedWord(word, self.cell.project(word))

    def share_gradients(self, memory: AttentionMemory) -> AttentionMemory:
        """Return memory with one sum of the gradients of the attention keys, for all steps."""
        return memory._replace(prepared=self.attention.share(memory.prepared))

    def recurrent_step(
        self, embedded: tuple[Tensor, ...], state: State, memory: AttentionMemory
    ) -> StepOutput:
        """Attend, gate the context and run the cell.

        Args:
            embedded: E y_{t-1} and its part of the gates.
            state: the cell's.
            memory: features and attention keys.

        Returns:
            h_t and z_t as output, the cell's new state, alpha_t.
        """
        h_NH = state[0]
        context_NF, alphas_NL = self.attention(memory.features_BLF, memory.prepared, h_NH)
        if self.gate is not None:
            context_NF = self.gate(h_NH).sigmoid() * context_NF
        state = self.cell.step(embedded[1] + self.context_to_cell(context_NF), state)
        return StepOutput(AttentionOutput(state[0], context_NF), state, alphas_NL)

    def logits(self, embedded: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> Tensor:
        """Compute logits_MV by the deep output, or from h alone."""
        h_MH, context_MF = output
        summed = h_MH
        if self.hidden_to_output is not None and self.context_to_output is not None:
            summed = embedded[0] + self.hidden_to_output(h_MH) + self.context_to_output(context_MF)
        logits_MV: Tensor = self.output(self.dropout(summed))
        return logits_MV
