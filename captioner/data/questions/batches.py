"""Questions about pictures as batches.

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
"""(an answer, what people answered) to what it is soft_score, 0 to 1."""


class QuestionBatch(NamedTuple):
    """Pictures, as pixels or as features that were stored, with all questions about them.

    The questions come in order of their lengths: `tokens` has those of each length apart, so that nothing is
    padded; all that is (N,) goes through them one after the other.
    """

    pictures: Tensor  # images_BCHW, or features_BLF
    tokens: tuple[Tensor, ...]  # each tokens_NT
    images_N: Tensor  # which picture a question is about
    question_ids_N: Tensor
    answers_N: Tensor  # the number of the answer to learn, or UNLISTED
    soft_scores_NV: Tensor  # of every answer; V=0 where that is not asked for


class QuestionItems:
    """One split as batches of `QuestionBatch`: an item is a picture with its questions."""

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
        self.soft_score = (
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

    def __getitems__(self, places: list[SampleIndex]) -> QuestionBatch:
        paths = [self.paths[place.number] for place in places]
        good, pictures = self.pictures.read(paths, [place.rng_seed(self.seed) for place in places])
        asked = [(number, b) for b, i in enumerate(good) for number in self.about[places[i].number]]
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
        if self.soft_score is None:
            return torch.zeros(len(numbers), 0)
        soft_scores_NV = torch.zeros(len(numbers), self.num_answers)
        for n, number in enumerate(numbers):
            for answer, value in self.soft_score[number].items():
                soft_scores_NV[n, answer] = value
        return soft_scores_NV


class QuestionData(ImageData[QuestionBatch]):
    """Questions about pictures for training and evaluation."""

    def vocabulary(self, min_count: int, max_size: int | None) -> Vocabulary:
        """The words of the training questions."""
        return Vocabulary.from_texts(map(tokenize, self.table("train")["question"][:]), min_count, max_size)

    def answers(self, size: int) -> Answers:
        """The most common answers of training."""
        return Answers.most_common(self.table("train")["answer"][:], size)

    def share_listed(self, split: str, answers: Answers) -> float:
        """The share of answered questions whose answer is in the list."""
        given = [answer for answer in self.table(split)["answer"][:] if answer]
        return sum(answers.number(answer) != UNLISTED for answer in given) / max(1, len(given))

    def truth(self, split: str) -> dict[int, HumanAnswers]:
        """What people answered, by question id."""
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
        """Say who will look at the pictures, in which words, with which answers, and how batches are made."""
        self.words, self.listed, self.soft_score = vocabulary, answers, soft_score
        self.set_encoder(encoder, training, seed)

    def items(self, split: str, train: bool = False) -> QuestionItems:
        """A split as batches; questions that cannot be learnt are left out of training."""
        rows = answered(self.table(split), split)
        rows, pictures = self.image_input(split, listed(rows, split, self.listed) if train else rows, train)
        max_words = self.training.max_words
        return QuestionItems(rows, pictures, self.words, self.listed, max_words, self.seed, self.soft_score)


def listed_soft_scores(
    answer: str, given: Sequence[str], answers: Answers, soft_score: SoftScore
) -> dict[int, float]:
    """What the answer to learn and all others given are soft_score, by number; the listed ones of some soft_score."""
    found = {answers.number(text): soft_score(text, given) for text in dict.fromkeys([answer, *given])}
    return {number: value for number, value in found.items() if number != UNLISTED and value > 0}


def answered(rows: "Dataset", split: str) -> "Dataset":
    """The rows that have an answer; how many have none is said.

    Raises:
        UserError: no row has one.
    """
    kept = [i for i, answer in enumerate(rows["answer"][:]) if answer]
    if not kept:
        raise UserError(f"No question of the split {split} has an answer.")
    return _kept(rows, kept, split, "have no answer")


def listed(rows: "Dataset", split: str, answers: Answers) -> "Dataset":
    """The rows whose answer is in the list; how many have another one is said."""
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
    """Return what people answered, by question id, in the order of the rows."""
    columns = (rows[key][:] for key in ("answers", "question_type", "answer_type"))
    return dict(zip(rows["question_id"][:], map(HumanAnswers, *columns), strict=True))
