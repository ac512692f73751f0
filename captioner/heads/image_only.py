"""Answers from the image alone.      B images, N questions, F feature, H hidden, V answers."""

from torch import Tensor

from captioner.heads.base import HEADS, Answered, Head
from captioner.heads.layers import Embedding, Scores, mean_pool
from captioner.ranges import Dimension, Fraction, NumHiddenLayers


@HEADS.register("image_only")
class ImageOnly(Head):
    r"""I (Antol et al., 2015): the baseline without the question.

        p = softmax(W_o dropout(tanh(W_v dropout(f))))      f = mean_l a_l, with `normalise` f / |f|

    Args:
        feature_dim: F.
        num_answers: V.
        hidden_dim: H.
        num_layers: hidden layers of tanh before W_o.
        dropout: before every matrix.
        normalise: divide f by its length (norm I).
        batch_norm: tanh(BN(W_v dropout(f))) in place of tanh(W_v dropout(f)).
    """

    uses_question = False

    def __init__(
        self,
        feature_dim: int,
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
        self.scores = Scores(hidden_dim, hidden_dim, num_answers, num_layers, dropout)

    def forward(self, features_BLF: Tensor, images_N: Tensor, question_NS: Tensor) -> Answered:
        """Compute the scores.

        Args:
            features_BLF: encoded images.
            images_N: the image of each question.
            question_NS: not used.

        Returns:
            logits_NV, the same for every question about an image.
        """
        logits_BV: Tensor = self.scores(self.image(mean_pool(features_BLF, self.normalise)))
        return Answered(logits_BV.index_select(0, images_N))
