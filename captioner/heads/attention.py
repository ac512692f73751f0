"""Attention over the image, with the question as the query.

B images, N questions, G glimpses, L locations, F feature, H hidden, S question, A attention, V answers.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from captioner.attention.additive import AdditiveAttention
from captioner.heads.base import HEADS, Answered, Head
from captioner.heads.layers import Embedding, Scores, projection
from captioner.ranges import Dimension, Fraction, NumHiddenLayers, NumLayers, Positive


@HEADS.register("attention")
class Attention(Head):
    r"""Soft attention with the question as the query; several glimpses are stacked.

        u_0     = tanh(W_q dropout(s))            s: state of the text encoder (h, c of every layer)
        alpha_g = softmax_l(v_g . tanh(K_g a_l + U_g u_{g-1}))
        z_g     = sum_l alpha_gl a_l
        u_g     = u_{g-1} + W_g z_g * tanh(Q_g s)
        p       = softmax(W_o dropout(u_G))

    The attention is that of Xu et al. (2015). The query of each further glimpse contains the context of those
    before, as in stacked attention (Yang et al., 2016). They add W_g z_g itself; here it is multiplied with
    the question as in Antol et al. (2015), who apply tanh to both factors. Without tanh on W_g z_g, features
    that are learnt together with the attention are learnt several times as fast.

    Args:
        feature_dim: F.
        state_dim: S.
        num_answers: V.
        hidden_dim: H.
        attention_dim: A.
        num_glimpses: G.
        num_layers: hidden layers of tanh before W_o.
        dropout: on s, and before the last layers.
        activation: of the attention, see `AdditiveAttention`.
        score_gain: factor on the attention's initial v, likewise.
        fusion: `product`, as above; or `sum`: u_g = u_{g-1} + tanh(W_g z_g).
        batch_norm: BN(W_g z_g) in place of W_g z_g, over the questions of a batch.
    """

    has_attention = True

    def __init__(
        self,
        feature_dim: int,
        state_dim: int,
        num_answers: int,
        hidden_dim: Dimension = 512,
        attention_dim: Dimension = 512,
        num_glimpses: NumLayers = 1,
        num_layers: NumHiddenLayers = 0,
        dropout: Fraction = 0.5,
        activation: Literal["tanh", "relu"] = "tanh",
        score_gain: Positive = 1.0,
        fusion: Literal["product", "sum"] = "product",
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        self.question = Embedding(state_dim, hidden_dim, dropout)
        self.glimpses = nn.ModuleList(
            Glimpse(
                AdditiveAttention(feature_dim, hidden_dim, attention_dim, activation, score_gain),
                projection(feature_dim, hidden_dim, batch_norm),
                Embedding(state_dim, hidden_dim, dropout=0.0) if fusion == "product" else None,
            )
            for _ in range(num_glimpses)
        )
        self.scores = Scores(hidden_dim, hidden_dim, num_answers, num_layers, dropout)

    def forward(self, features_BLF: Tensor, images_N: Tensor, question_NS: Tensor) -> Answered:
        """Compute the scores.

        Args:
            features_BLF: encoded images; the keys of each are computed once.
            images_N: the image of each question.
            question_NS: encoded questions.

        Returns:
            logits_NV and alphas_NGL.
        """
        u_NH = self.question(question_NS)
        alphas = []
        for glimpse in self.glimpses:
            u_NH, alphas_NL = glimpse(features_BLF, images_N, question_NS, u_NH)
            alphas.append(alphas_NL)
        return Answered(self.scores(u_NH), torch.stack(alphas, dim=1))


class Glimpse(nn.Module):
    """One glimpse: u_{g-1} to u_g and alpha_g.

    Args:
        attention: its attention.
        seen: the layer W_g.
        asked: the embedding tanh(Q_g s); None: the sum in place of the product.
    """

    def __init__(self, attention: AdditiveAttention, seen: nn.Module, asked: Embedding | None) -> None:
        super().__init__()
        self.attention = attention
        self.seen = seen
        self.asked = asked

    def forward(
        self, features_BLF: Tensor, images_N: Tensor, question_NS: Tensor, u_NH: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Attend, and add the context to u.

        Args:
            features_BLF: encoded images.
            images_N: the image of each question.
            question_NS: s.
            u_NH: u_{g-1}.

        Returns:
            u_g and alphas_NL.
        """
        prepared_BLA = self.attention.prepare(features_BLF)
        of_question = (leaf.index_select(0, images_N) for leaf in (features_BLF, prepared_BLA))
        context_NF, alphas_NL = self.attention(*of_question, u_NH)
        seen_NH = self.seen(context_NF)
        return u_NH + (seen_NH * self.asked(question_NS) if self.asked else seen_NH.tanh()), alphas_NL
