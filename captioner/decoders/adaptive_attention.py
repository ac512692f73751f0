"""Adaptive attention with a visual sentinel.

B images, K rows an image, N = B*K rows, M positions, L locations, F feature, E embedding, H hidden,
G projected, A attention, V vocabulary.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from captioner.attention.additive import AdditiveAttention
from captioner.attention.kernels import SharedKeys
from captioner.attention.mode import AttentionMode
from captioner.cells.base import CELLS, CellConfig, State
from captioner.decoders.base import DECODERS, Decoder, DecoderStart, StepOutput
from captioner.decoders.output_layer import OutputLayer
from captioner.ranges import Dimension, Fraction, Positive


class AdaptiveMemory(NamedTuple):
    """The encoded image: its locations, their attention keys, and the whole image's part of all gates."""

    locations_BLH: Tensor
    prepared: Tensor | SharedKeys  # (B, L, A)
    projected_BG: Tensor  # of the cell's gates
    gate_BH: Tensor  # of the sentinel's gate


class AdaptiveWord(NamedTuple):
    """A word's part of the cell's gates and of the sentinel's gate."""

    projected: Tensor  # (..., G)
    gate: Tensor  # (..., H)


class AdaptiveOutput(NamedTuple):
    """The sum of hidden state and adaptive context, the input of the output layers."""

    summed_NH: Tensor


@DECODERS.register("adaptive_attention")
class AdaptiveAttention(Decoder):
    r"""Attention that may rely on what the model has written instead of the image (Lu et al., 2017).

        v_l = relu(W_a a_l),  v^g = relu(W_b mean_l(a_l))        sec. 2.4
        x_t = [E y_{t-1}; v^g],  h_t, m_t = cell(x_t, h_{t-1})
        s_t = sigmoid(W_x x_t + W_h h_{t-1}) * tanh(m_t)         the sentinel, eq. 9-10
        z_tl = w . tanh(W_v v_l + W_g h_t)                       eq. 6; alpha_t = softmax(z_t), eq. 7
        c_t = sum_l alpha_tl v_l                                 eq. 8
        beta_t = softmax([z_t; w . tanh(W_s s_t + W_g h_t)])_{L+1}    eq. 12
        p_t = softmax(W_p tanh(W_o (beta_t s_t + (1 - beta_t) c_t + h_t)))    eq. 11 and 13

    The query is the *new* state h_t, and the context does not enter the recurrence.

    Args:
        feature_dim: F.
        vocab_size: V.
        cell: config of the cell; None: `lstm`, as in the paper. m_t is the memory of an LSTM, of its
            top layer if there are several, and h_t of a cell without one.
        embed_dim: E.
        attention_dim: A, the hidden layer of the attention.
        dropout: on word vectors, on v_l and v^g, and before W_p.
        embed_scale: word vectors start in U(-embed_scale, embed_scale).
        attention: how c_t is made, see `show_attend_tell`; the paper's is the `mean`.

    Source:
        Lu, Xiong, Parikh and Socher (2017), "Knowing when to look: adaptive attention via a visual sentinel
        for image captioning". tanh(W_o ...) is of the released code; the paper has softmax(W_p (...)).
    """

    has_attention = True
    has_hard_attention = True

    def __init__(
        self,
        feature_dim: int,
        vocab_size: int,
        cell: CellConfig = None,
        embed_dim: Dimension = 256,
        attention_dim: Dimension = 256,
        dropout: Fraction = 0.5,
        embed_scale: Positive = 0.1,
        attention: AttentionMode = "mean",
    ) -> None:
        super().__init__()
        self.vocab_size = vocab_size
        self.words = nn.Embedding(vocab_size, embed_dim)
        nn.init.uniform_(self.words.weight, -embed_scale, embed_scale)
        self.cell = CELLS.build(cell or {"name": "lstm"}, input_dim=embed_dim)
        hidden_dim = self.cell.hidden_dim
        self.locations = nn.Linear(feature_dim, hidden_dim)
        self.whole_image = nn.Linear(feature_dim, hidden_dim)
        # Matrices on [word; image] have two parts, so that the image's part is computed once.
        self.image_to_cell = nn.Linear(hidden_dim, self.cell.projected_dim, bias=False)
        self.attention = AdditiveAttention(hidden_dim, hidden_dim, attention_dim, mode=attention)
        self.word_to_gate = nn.Linear(embed_dim, hidden_dim)
        self.image_to_gate = nn.Linear(hidden_dim, hidden_dim, bias=False)
        self.state_to_gate = nn.Linear(hidden_dim, hidden_dim, bias=False)
        self.sentinel_key = nn.Linear(hidden_dim, attention_dim)
        self.hidden_to_output = nn.Linear(hidden_dim, embed_dim)
        self.dropout = nn.Dropout(dropout)
        self.output = OutputLayer(embed_dim, vocab_size)

    def start(self, features_BLF: Tensor) -> DecoderStart:
        """Encode the locations and the whole image; the state is zero."""
        locations_BLH = self.dropout(self.locations(features_BLF).relu())
        image_BH = self.dropout(self.whole_image(features_BLF.mean(dim=1)).relu())
        memory = AdaptiveMemory(
            locations_BLH,
            self.attention.prepare(locations_BLH),
            self.image_to_cell(image_BH),
            self.image_to_gate(image_BH),
        )
        return DecoderStart(memory, self.cell.zero_state(image_BH))

    def word_rows(self) -> dict[str, int]:
        """Name the word embedding and the output layer."""
        return {"words.weight": 0, "output.weight": 0, "output.bias": 0}

    def embed(self, tokens: Tensor) -> AdaptiveWord:
        """Embed words: (...,) to their parts of the gates, (..., G) and (..., H)."""
        word = self.dropout(self.words(tokens))
        return AdaptiveWord(self.cell.project(word), self.word_to_gate(word))

    def share_gradients(self, memory: AdaptiveMemory) -> AdaptiveMemory:
        """Return memory with one sum of the gradients of the attention keys, for all steps."""
        return memory._replace(prepared=self.attention.share(memory.prepared))

    def recurrent_step(
        self, embedded: tuple[Tensor, ...], state: State, memory: AdaptiveMemory
    ) -> StepOutput:
        """Run the cell, then attend.

        Args:
            embedded: the word's parts of the gates.
            state: the cell's.
            memory: the encoded image.

        Returns:
            Context plus h_t as output, the cell's new state, alpha_t.
        """
        before_NH = state[0]
        state = self.cell.step(_add_to_rows(embedded[0], memory.projected_BG), state)
        gate_NH = (_add_to_rows(embedded[1], memory.gate_BH) + self.state_to_gate(before_NH)).sigmoid()
        memory_NH = state[self.cell.memory_index]
        sentinel_NH = gate_NH * memory_NH.tanh()
        query_NA = self.attention.query(state[0])
        scores_BKL = self.attention.scores(memory.prepared, query_NA)
        context_NH, alphas_NL = self.attention.attend(scores_BKL, memory.locations_BLH)
        own_key_N1A = self.attention.activation.prepare(self.sentinel_key(sentinel_NH)).unsqueeze(1)
        own_score_N1 = self.attention.scores(own_key_N1A, query_NA).view(-1, 1)
        # Of a softmax over all scores, the part that is not the image's.
        beta_N1 = (own_score_N1 - scores_BKL.logsumexp(dim=-1).view(-1, 1)).sigmoid().to(context_NH.dtype)
        adaptive_NH = torch.lerp(context_NH, sentinel_NH, beta_N1)
        return StepOutput(AdaptiveOutput(adaptive_NH + state[0]), state, alphas_NL)

    def logits(self, embedded: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> Tensor:
        """Compute logits_MV = W_p tanh(W_o (c^ + h))."""
        logits_MV: Tensor = self.output(self.dropout(self.hidden_to_output(output[0]).tanh()))
        return logits_MV


def _add_to_rows(rows_NX: Tensor, image_BX: Tensor) -> Tensor:
    """Add to each row what belongs to its image."""
    return (rows_NX.view(len(image_BX), -1, rows_NX.shape[1]) + image_BX.unsqueeze(1)).flatten(0, 1)
