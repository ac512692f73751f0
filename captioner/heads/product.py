"""Deeper LSTM Q + norm I.      B images, N questions, F feature, H hidden, S question, V answers."""

from torch import Tensor

from captioner.heads.base import HEADS, Answered, Head
from captioner.heads.layers import Embedding, Scores, mean_pool
from captioner.ranges import Dimension, Fraction, NumHiddenLayers


@HEADS.register("product")
class Product(Head):
    r"""The element-wise product of image and question (Antol et al., 2015, sec. 4).

        v = tanh(W_v dropout(f))          f = mean_l a_l, with `normalise` f / |f|; fc7 has one location
        q = tanh(W_q dropout(s))          s: state of the text encoder (h, c of every layer)
        p = softmax(W_o dropout(v * q))

    This is the released code; the text of the paper has two hidden layers of tanh before W_o: `num_layers=2`.

    Args:
        feature_dim: F.
        state_dim: S.
        num_answers: V.
        hidden_dim: H.
        num_layers: hidden layers of tanh before W_o.
        dropout: before every matrix.
        normalise: divide f by its length (norm I).
        batch_norm: v = tanh(BN(W_v dropout(f))): it takes away what all images have in common.
    """

    def __init__(
        self,
        feature_dim: int,
        state_dim: int,
        num_answers: int,
        hidden_dim: Dimension = 1024,
        num_layers: NumHiddenLayers = 0,
        dropout: Fraction = 0.5,
        normalise: bool = True,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        self.normalise = normalise
        self.image = Embedding(feature_dim, hidden_dim, dropout, batch_norm)
        self.question = Embedding(state_dim, hidden_dim, dropout)
        self.scores = Scores(hidden_dim, hidden_dim, num_answers, num_layers, dropout)

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
        return Answered(self.scores(image_BH.index_select(0, images_N) * self.question(question_NS)))
