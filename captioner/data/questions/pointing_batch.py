"""Batches of questions whose choices are boxes.

B images, K questions an image, C boxes a question, T time, L locations, F feature.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from captioner.data.padding import pad
from captioner.data.questions.choices import MultipleChoiceQuestion
from captioner.metrics.tokenization.ptb import tokenize
from captioner.preprocessing import Preprocessing
from captioner.regions import box_in_encoder_view
from captioner.vocabulary import BOS, PAD, Vocabulary


class PointingBatch(NamedTuple):
    """Images with K questions each, and C boxes for each question.

    Questions are `<bos>` words `<bos>`, padded with `<pad>`. The images with the longest questions come
    first.
    """

    pictures: Tensor  # images_BCHW, or features_BLF
    tokens_BKT: Tensor
    question_ids_BK: Tensor
    right_BK: Tensor  # index of the right box; -1 where it is not known, or there is no question
    boxes_BKC4: Tensor  # left, top, right, bottom in units of the side of the encoder's view
    box_mask_BKC: Tensor  # whether there is such a box

    @property
    def mask_BKT(self) -> Tensor:
        """True at the last token of each question."""
        words_BKT = self.tokens_BKT != PAD
        return words_BKT & (words_BKT.cumsum(-1) == words_BKT.sum(-1, keepdim=True))


class PointingQuestion(NamedTuple):
    """A question and its boxes, in pixels."""

    tokens: list[int]
    question_id: int
    right: int
    boxes: list[list[float]]


NOTHING = PointingQuestion([], -1, -1, [])


class PointingQuestionEncoder:
    """Encode questions as token ids, and boxes in the coordinates of an encoder's view.

    Args:
        vocabulary: the words.
        max_words: words a question is cut at.
        preprocessing: the transform of the encoder.
    """

    def __init__(self, vocabulary: Vocabulary, max_words: int, preprocessing: Preprocessing) -> None:
        self.vocabulary = vocabulary
        self.max_words = max_words
        self.preprocessing = preprocessing

    def question(self, asked: MultipleChoiceQuestion) -> PointingQuestion:
        """Return a question as token ids, its boxes in pixels."""
        words = self.vocabulary.encode(tokenize(asked.question))[: self.max_words]
        return PointingQuestion([BOS, *words, BOS], asked.question_id, asked.right, asked.boxes)

    def in_encoder_view(self, question: PointingQuestion, picture_size: tuple[int, int]) -> PointingQuestion:
        """Return a question with its boxes in units of the side of the encoder's view."""
        boxes = [box_in_encoder_view(box, picture_size, self.preprocessing) for box in question.boxes]
        return question._replace(boxes=boxes)


def pointing_batch(pictures: Tensor, questions: Sequence[Sequence[PointingQuestion]]) -> PointingBatch:
    """Stack the questions about images to a batch; missing questions and boxes are padded.

    Args:
        pictures: images_BCHW, or features_BLF.
        questions: the questions about each image, with boxes in the encoder's view.

    Returns:
        The batch.
    """
    B = len(questions)
    K = max(map(len, questions), default=0)
    C = max((len(q.boxes) for own in questions for q in own), default=0)
    filled = [[*own, *[NOTHING] * (K - len(own))] for own in questions]
    outside = [[2.0, 2.0, 2.0, 2.0]]
    boxes = [[q.boxes + outside * (C - len(q.boxes)) for q in own] for own in filled]
    boxes_BKC4 = torch.tensor(boxes).view(B, K, C, 4)
    there = [[[c < len(q.boxes) for c in range(C)] for q in own] for own in filled]
    return PointingBatch(
        pictures,
        pad([[q.tokens for q in own] for own in filled], K),
        torch.tensor([[q.question_id for q in own] for own in filled], dtype=torch.long).view(B, K),
        torch.tensor([[q.right for q in own] for own in filled], dtype=torch.long).view(B, K),
        boxes_BKC4,
        torch.tensor(there, dtype=torch.bool).view(B, K, C),
    )
