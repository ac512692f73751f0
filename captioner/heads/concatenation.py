"""Image and question concatenated.      B images, N questions, F feature, H hidden, S question, V answers."""

import torch
from torch import Tensor

from captioner.heads.base import HEADS, Answered, Head
from captioner.heads.layers import Embedding, Scores, mean_pool
from captioner.ranges import Dimension, Fraction, NumHiddenLayers


@HEADS.register("concatenation")
class Concatenation(Head):
    r"""Concatenation in place of the product: the variant that Antol et al. (2015) compare with.

        v = tanh(W_v dropout(f))          f = mean_l a_l, with `normalise` f / |f|
        q = tanh(W_q dropout(s))          s: state of the text encoder (h, c of every layer)
        p = softmax(W_o z_n),  z_0 = [v; q],  z_k = tanh(W_k dropout(z_{k-1}))

    Args:
        feature_dim: F.
        state_dim: S.
        num_answers: V.
        hidden_dim: H.
        num_layers: hidden layers n; with 0, the image adds the same to an answer's score for every question.
        dropout: before every matrix.
        normalise: divide f by its length (norm I).
        batch_norm: v = tanh(BN(W_v dropout(f))): it takes away what all images have in common, so that their
            differences are as large as those of questions.
    """

    def __init__(
        self,
        feature_dim: int,
        state_dim: int,
        num_answers: int,
        hidden_dim: Dimension = 1024,
        num_layers: NumHiddenLayers = 1,
        dropout: Fraction = 0.5,
        normalise: bool = True,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        self.normalise = normalise
        self.image = Embedding(feature_dim, hidden_dim, dropout, batch_norm)
        self.question = Embedding(state_dim, hidden_dim, dropout)
        self.scores = Scores(2 * hidden_dim, hidden_dim, num_answers, num_layers, dropout)

    def forward(self, features_BLF: Tensor, images_N: Tensor, question_NS: Tensor) -> Answered:
        """Compute the scores.

        Args:
            features_BLF: encoded images; each is embedded once.
            images_N: the image of each question.
            question_NS: encoded questions.

        Returns:
            logits_NV.
        """
        image_BH = self.image(mean_pool(features_BLF, self.normalise))
        image_NH = image_BH.index_select(0, images_N)
        return Answered(self.scores(torch.cat([image_NH, self.question(question_NS)], dim=-1)))
