"""Batches of questions about images.

B images, N questions, T words, L locations, F feature, V answers.
"""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from captioner.config import TrainingConfig
from captioner.data.images import ImageInput
from captioner.data.loader import SampleIndex
from captioner.data.module import ImageData
from captioner.data.questions.answers import UNLISTED, Answers
from captioner.data.questions.encoding import encode_question, group_by_length
from captioner.encoders.base import Encoder
from captioner.errors import UserError
from captioner.metrics.answers.vqa_accuracy import HumanAnswers
from captioner.metrics.tokenization.ptb import tokenize
from captioner.vocabulary import Vocabulary

if TYPE_CHECKING:
    from datasets import Dataset

SoftScore = Callable[[str, Sequence[str]], float]
"""Maps an answer and the annotators' answers to the soft score of the answer, 0 to 1."""


class QuestionBatch(NamedTuple):
    """Images, as pixels or as stored features, with all questions about them.

    Questions are sorted by length; `tokens` holds those of each length in a tensor of their own, so that
    nothing is padded. Tensors of shape (N,) have the same order.
    """

    pictures: Tensor  # images_BCHW, or features_BLF
    tokens: tuple[Tensor, ...]  # each tokens_NT
    images_N: Tensor  # index of the image that a question is about
    question_ids_N: Tensor
    answers_N: Tensor  # class of the answer to learn, or UNLISTED
    soft_scores_NV: Tensor  # of every class; V=0 where they are not needed


class QuestionItems:
    """The samples of a split: an item is an image with its questions.

    Args:
        rows: rows of a question source.
        pictures: reads the images.
        vocabulary: of the questions.
        answers: the answer list.
        max_words: words a question is cut at.
        seed: seed of random crops.
        soft_score: scores every class of a question; None where soft scores are not needed.
    """

    def __init__(
        self,
        rows: "Dataset",
        pictures: ImageInput,
        vocabulary: Vocabulary,
        answers: Answers,
        max_words: int,
        seed: int,
        soft_score: SoftScore | None = None,
    ) -> None:
        self.pictures = pictures
        self.num_answers = len(answers)
        self.seed = seed
        self.question_ids: list[int] = rows["question_id"][:]
        self.tokens = [encode_question(question, vocabulary, max_words) for question in rows["question"][:]]
        self.answers = [answers.number(answer) for answer in rows["answer"][:]]
        given = zip(rows["answer"][:], rows["answers"][:], strict=True)
        self.soft_scores = (
            [listed_soft_scores(one, all_, answers, soft_score) for one, all_ in given]
            if soft_score
            else None
        )
        about: dict[str, list[int]] = {}
        for number, path in enumerate(rows["path"][:]):
            about.setdefault(path, []).append(number)
        self.paths, self.about = list(about), list(about.values())

    def __len__(self) -> int:
        return len(self.paths)

    def __getitems__(self, indices: list[SampleIndex]) -> QuestionBatch:
        paths = [self.paths[index.number] for index in indices]
        good, pictures = self.pictures.read(paths, [index.rng_seed(self.seed) for index in indices])
        asked = [(number, b) for b, i in enumerate(good) for number in self.about[indices[i].number]]
        asked.sort(key=lambda pair: len(self.tokens[pair[0]]))
        numbers = [number for number, _ in asked]
        return QuestionBatch(
            pictures,
            group_by_length([self.tokens[number] for number in numbers]),
            torch.tensor([b for _, b in asked], dtype=torch.long),
            torch.tensor([self.question_ids[number] for number in numbers], dtype=torch.long),
            torch.tensor([self.answers[number] for number in numbers], dtype=torch.long),
            self._soft_scores(numbers),
        )

    def _soft_scores(self, numbers: Sequence[int]) -> Tensor:
        if self.soft_scores is None:
            return torch.zeros(len(numbers), 0)
        soft_scores_NV = torch.zeros(len(numbers), self.num_answers)
        for n, number in enumerate(numbers):
            for answer, value in self.soft_scores[number].items():
                soft_scores_NV[n, answer] = value
        return soft_scores_NV


class QuestionData(ImageData[QuestionBatch]):
    """Questions about images for training and evaluation."""

    def vocabulary(self, min_count: int, max_size: int | None) -> Vocabulary:
        """Return the words of the training questions that occur `min_count` times, `max_size` at most."""
        return Vocabulary.from_texts(map(tokenize, self.table("train")["question"][:]), min_count, max_size)

    def answers(self, size: int) -> Answers:
        """Return the most common answers of training."""
        return Answers.most_common(self.table("train")["answer"][:], size)

    def share_listed(self, split: str, answers: Answers) -> float:
        """Return the share of answered questions whose answer is in the list."""
        given = [answer for answer in self.table(split)["answer"][:] if answer]
        return sum(answers.number(answer) != UNLISTED for answer in given) / max(1, len(given))

    def truth(self, split: str) -> dict[int, HumanAnswers]:
        """Return the annotators' answers, by question id."""
        return annotator_answers(self.table(split))

    def connect(
        self,
        encoder: Encoder | None,
        vocabulary: Vocabulary,
        answers: Answers,
        training: TrainingConfig,
        seed: int,
        soft_score: SoftScore | None = None,
    ) -> None:
        """Set encoder, vocabulary and answer list.

        Args:
            encoder: of the images; None for a model that uses no image.
            vocabulary: of the questions.
            answers: the answer list.
            training: batch size, length limit.
            seed: seed of order and crops.
            soft_score: scores every class of a question; None where soft scores are not needed.
        """
        self.words, self.listed, self.soft_score = vocabulary, answers, soft_score
        self.set_encoder(encoder, training, seed)

    def items(self, split: str, train: bool = False) -> QuestionItems:
        """Return the samples of a split; questions whose answer is not listed are left out of training."""
        rows = answered(self.table(split), split)
        rows, pictures = self.image_input(split, listed(rows, split, self.listed) if train else rows, train)
        max_words = self.training.max_words
        return QuestionItems(rows, pictures, self.words, self.listed, max_words, self.seed, self.soft_score)


def listed_soft_scores(
    answer: str, given: Sequence[str], answers: Answers, soft_score: SoftScore
) -> dict[int, float]:
    """Compute the soft scores of the answers to a question.

    Args:
        answer: the answer to learn.
        given: the annotators' answers.
        answers: the answer list.
        soft_score: the measure.

    Returns:
        The soft score of each listed answer with one above 0, by its class.
    """
    found = {answers.number(text): soft_score(text, given) for text in dict.fromkeys([answer, *given])}
    return {number: value for number, value in found.items() if number != UNLISTED and value > 0}


def answered(rows: "Dataset", split: str) -> "Dataset":
    """Return the rows that have an answer; the number of the others goes to standard error.

    Args:
        rows: rows of a question source.
        split: their split, for the message.

    Returns:
        The rows with an answer.

    Raises:
        UserError: no row has one.
    """
    kept = [i for i, answer in enumerate(rows["answer"][:]) if answer]
    if not kept:
        raise UserError(f"No question of the split {split} has an answer.")
    return _kept(rows, kept, split, "have no answer")


def listed(rows: "Dataset", split: str, answers: Answers) -> "Dataset":
    """Return the rows whose answer is in the list; the number of the others goes to standard error.

    Args:
        rows: rows of a question source.
        split: their split, for the message.
        answers: the answer list.

    Returns:
        The rows that can be learnt.
    """
    kept = [i for i, answer in enumerate(rows["answer"][:]) if answers.number(answer) != UNLISTED]
    return _kept(rows, kept, split, f"have an answer that is not among the {len(answers):,} most common")


def _kept(rows: "Dataset", kept: list[int], split: str, why: str) -> "Dataset":
    if len(kept) == len(rows):
        return rows
    out = len(rows) - len(kept)
    share = out / len(rows)
    print(f"{split}: {out:,} of {len(rows):,} questions ({share:.1%}) {why}: left out", file=sys.stderr)
    return rows.select(kept)


def annotator_answers(rows: "Dataset") -> dict[int, HumanAnswers]:
    """Return the annotators' answers, by question id, in the order of the rows."""
    columns = (rows[key][:] for key in ("answers", "question_type", "answer_type"))
    return dict(zip(rows["question_id"][:], map(HumanAnswers, *columns), strict=True))
