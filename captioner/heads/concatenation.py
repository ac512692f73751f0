"""Picture beside question.      B images, N questions, F feature, H hidden, S question, V answers."""

import torch
from torch import Tensor

from captioner.heads.base import HEADS, Answered, Head
from captioner.heads.layers import Embedding, Scores, mean_pool


@HEADS.register("concatenation")
class Concatenation(Head):
    r"""Picture and question joined, not multiplied: the variant that Antol et al. (2015) compare with.

        v = tanh(W_v dropout(f))          f = mean_l a_l, with `normalise` f / |f|
        q = tanh(W_q dropout(s))          s: h and c of every layer of the question's encoder
        p = softmax(W_o z_n),  z_0 = [v; q],  z_k = tanh(W_k dropout(z_{k-1}))

    Without a hidden layer (`num_layers=0`) an answer that is likely for the picture is so for every question.
    With `batch_norm` v = tanh(BN(W_v dropout(f))): what all pictures share is taken away, and what tells them
    apart is as large as what tells questions apart.
    """

    def __init__(
        self,
        feature_dim: int,
        state_dim: int,
        num_answers: int,
        hidden_dim: int = 1024,
        num_layers: int = 1,
        dropout: float = 0.5,
        normalise: bool = True,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        self.normalise = normalise
        self.image = Embedding(feature_dim, hidden_dim, dropout, batch_norm)
        self.question = Embedding(state_dim, hidden_dim, dropout)
        self.scores = Scores(2 * hidden_dim, hidden_dim, num_answers, num_layers, dropout)

    def forward(self, features_BLF: Tensor, images_N: Tensor, question_NS: Tensor) -> Answered:
        """Each image is embedded once, however many questions are about it."""
        image_BH = self.image(mean_pool(features_BLF, self.normalise))
        image_NH = image_BH.index_select(0, images_N)
        return Answered(self.scores(torch.cat([image_NH, self.question(question_NS)], dim=-1)))
