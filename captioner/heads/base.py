"""The interface of every head: an image and a question to the score of each answer.

B images, N questions, G glimpses, L locations, F feature, S state of the text encoder, V answers.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

from torch import Tensor, nn

from captioner.heads.layers import Scores
from captioner.registry import Registry


class Answered(NamedTuple):
    """Scores of the answers, and attention weights."""

    logits_NV: Tensor
    alphas_NGL: Tensor | None = None  # attention weights of each glimpse, if the head has_attention


class Head(nn.Module, ABC):
    """A classifier over a list of answers to questions about images. Subclasses are final.

    Several questions may be about one image: `images_N` holds the image of each question. Heads use it with
    `index_select`, whose gradient, unlike that of plain indexing, is deterministic.

    Attributes:
        uses_image: whether the scores depend on the features; if not, features without locations (L=0) will
            do.
        uses_question: whether the scores depend on the question; if not, an empty state (S=0) will do.
        has_attention: whether attention weights are returned.
        scores: the last layers, to one score an answer.
    """

    uses_image: ClassVar[bool] = True
    uses_question: ClassVar[bool] = True
    has_attention: ClassVar[bool] = False
    scores: Scores

    @abstractmethod
    def forward(self, features_BLF: Tensor, images_N: Tensor, question_NS: Tensor) -> Answered:
        """Compute the scores of all answers to N questions.

        Args:
            features_BLF: encoded images.
            images_N: the image of each question, a number below B.
            question_NS: encoded questions.

        Returns:
            logits_NV, and attention weights.
        """

    def answer_rows(self) -> tuple[str, ...]:
        """Name the tensors of the state dict with one row an answer.

        With them a model can start from one that was trained with another list of answers.
        """
        last = f"scores.{len(self.scores) - 1}"
        return f"{last}.weight", f"{last}.bias"


HEADS: Registry[Head] = Registry("head", "captioner.heads")
