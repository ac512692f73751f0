"""Answers from the question alone.      N questions, H hidden, S question, V answers."""

from torch import Tensor

from captioner.heads.base import HEADS, Answered, Head
from captioner.heads.layers import Embedding, Scores
from captioner.ranges import Dimension, Fraction, NumHiddenLayers


@HEADS.register("question_only")
class QuestionOnly(Head):
    r"""LSTM Q (Antol et al., 2015): the baseline without the image.

        p = softmax(W_o dropout(tanh(W_q dropout(s))))

    Args:
        state_dim: S.
        num_answers: V.
        hidden_dim: H.
        num_layers: hidden layers of tanh before W_o.
        dropout: before every matrix.
    """

    uses_image = False

    def __init__(
        self,
        state_dim: int,
        num_answers: int,
        hidden_dim: Dimension = 1024,
        num_layers: NumHiddenLayers = 0,
        dropout: Fraction = 0.5,
    ) -> None:
        super().__init__()
        self.question = Embedding(state_dim, hidden_dim, dropout)
        self.scores = Scores(hidden_dim, hidden_dim, num_answers, num_layers, dropout)

    def forward(self, features_BLF: Tensor, images_N: Tensor, question_NS: Tensor) -> Answered:
        """Compute the scores.

        Args:
            features_BLF: not used.
            images_N: the image of each question.
            question_NS: encoded questions.

        Returns:
            logits_NV.
        """
        return Answered(self.scores(self.question(question_NS)))
