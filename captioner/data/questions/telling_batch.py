"""Batches of questions whose choices are texts: a sentence for each choice.

B images, K sentences an image, T time, L locations, F feature.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from captioner.data.padding import pad
from captioner.data.questions.choices import MultipleChoiceQuestion
from captioner.metrics.tokenization.ptb import tokenize
from captioner.vocabulary import BOS, EOS, PAD, Vocabulary


class TellingBatch(NamedTuple):
    """Images with K sentences each: `<bos>` question `<bos>` answer `<eos>`, padded with `<pad>`.

    There is a sentence for every choice of every question about an image; in training for the right choices
    alone. The images with the longest sentences come first.
    """

    pictures: Tensor  # images_BCHW, or features_BLF
    tokens_BKT: Tensor
    starts_BK: Tensor  # position of the second <bos>
    question_ids_BK: Tensor
    choices_BK: Tensor  # index of the choice; -1 where an image has fewer sentences
    right_BK: Tensor

    @property
    def inputs_BKT(self) -> Tensor:
        """The input tokens."""
        return self.tokens_BKT[:, :, :-1]

    @property
    def targets_BKT(self) -> Tensor:
        """The target tokens: the inputs, shifted by one."""
        return self.tokens_BKT[:, :, 1:]

    @property
    def mask_BKT(self) -> Tensor:
        """True where the target is a token of the answer, or its `<eos>`."""
        targets_BKT = self.targets_BKT
        times_T = torch.arange(targets_BKT.shape[2], device=targets_BKT.device)
        return (targets_BKT != PAD) & (times_T >= self.starts_BK.unsqueeze(-1))


class Sentence(NamedTuple):
    """A question with one of its choices, as token ids."""

    tokens: list[int]
    start: int
    question_id: int
    choice: int
    right: bool


NOTHING = Sentence([], 0, -1, -1, False)


class TellingQuestionEncoder:
    """Encode questions with their choices as sentences.

    Args:
        vocabulary: the words.
        max_words: words a question is cut at.
        max_answer_words: words an answer is cut at, which ends there; None for no limit.
    """

    def __init__(self, vocabulary: Vocabulary, max_words: int, max_answer_words: int | None) -> None:
        self.vocabulary = vocabulary
        self.max_words = max_words
        self.max_answer_words = max_answer_words

    def sentences(self, asked: MultipleChoiceQuestion, right_only: bool = False) -> list[Sentence]:
        """Return a sentence for every choice, or for the right one alone."""
        question = self.vocabulary.encode(tokenize(asked.question))[: self.max_words]
        found = []
        for choice, text in enumerate(asked.choices):
            if choice == asked.right or not right_only:
                said = self.vocabulary.encode(tokenize(text))[: self.max_answer_words]
                tokens, start = [BOS, *question, BOS, *said, EOS], len(question) + 1
                found.append(Sentence(tokens, start, asked.question_id, choice, choice == asked.right))
        return found


def telling_batch(pictures: Tensor, sentences: Sequence[Sequence[Sentence]]) -> TellingBatch:
    """Stack the sentences about images to a batch; missing sentences are padded.

    Args:
        pictures: images_BCHW, or features_BLF.
        sentences: the sentences about each image.

    Returns:
        The batch.
    """
    K = max(map(len, sentences), default=0)
    filled = [[*own, *[NOTHING] * (K - len(own))] for own in sentences]
    numbers = [[one[1:] for one in own] for own in filled]
    columns_BK4 = torch.tensor(numbers, dtype=torch.long).view(len(filled), K, 4)
    starts_BK, ids_BK, choices_BK, right_BK = columns_BK4.unbind(dim=-1)
    tokens_BKT = pad([[one.tokens for one in own] for own in filled], K)
    return TellingBatch(pictures, tokens_BKT, starts_BK, ids_BK, choices_BK, right_BK.bool())
