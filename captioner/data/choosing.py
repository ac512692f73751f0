"""Questions with choices: what is asked, and the data of a task that chooses."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from captioner.data.loader import Batch, Batches
from captioner.data.module import PictureData
from captioner.data.pictures import Pictures
from captioner.errors import UserError
from captioner.metrics.choice_accuracy import Truth
from captioner.metrics.tokenizer import tokenize
from captioner.vocabulary import Vocabulary

if TYPE_CHECKING:
    from datasets import Dataset


class Asked(NamedTuple):
    """A question and its choices, in the order of their words or boxes, however they were listed."""

    question_id: int
    question: str
    choices: list[str]
    boxes: list[list[float]]  # x, y, width and height in pixels, where choices are places; else empty
    right: int  # which of the choices; -1 where that is not known


def asked_of_pictures(rows: "Dataset") -> dict[str, list[Asked]]:
    """All questions about each picture, by its path.

    Raises:
        UserError: a question has no choices.
    """
    about: dict[str, list[Asked]] = {}
    columns = ("path", "question_id", "question", "answer", "choices", "boxes")
    for path, question_id, question, answer, choices, boxes in zip(
        *(rows[c][:] for c in columns), strict=True
    ):
        if not choices:
            raise UserError(
                f"The question {question_id} ({question}) has no choices: is this multiple choice?"
            )
        order = sorted(range(len(choices)), key=lambda k: (boxes[k : k + 1], choices[k]))
        texts = [choices[k] for k in order]
        right = texts.index(answer) if answer in texts else -1
        own = about.setdefault(path, [])
        own.append(Asked(question_id, question, texts, [boxes[k] for k in order] if boxes else [], right))
    return about


class ChoosingData(PictureData[Batch]):
    """Questions with choices for training and evaluation. Subclasses write `made`."""

    def vocabulary(self, min_count: int, max_size: int | None) -> Vocabulary:
        """The words of the training questions, and of their right answers where these are words."""
        rows = self.table("train")
        said = [
            answer for answer, boxes in zip(rows["answer"][:], rows["boxes"][:], strict=True) if not boxes
        ]
        return Vocabulary.from_texts(map(tokenize, [*rows["question"][:], *said]), min_count, max_size)

    def truth(self, split: str) -> dict[int, Truth]:
        """The right answers, by question."""
        rows = self.table(split)
        kinds = zip(rows["answer"][:], rows["question_type"][:], strict=True)
        return dict(zip(rows["question_id"][:], (Truth(*one) for one in kinds), strict=True))

    def choices(self, split: str) -> dict[int, list[str]]:
        """The choices, by question, in the order of `Asked`."""
        about = asked_of_pictures(self.table(split))
        return {one.question_id: one.choices for own in about.values() for one in own}

    def items(self, split: str, train: bool = False) -> Batches[Batch]:
        """The pictures of a split with all their questions as batches."""
        rows, pictures = self.seen(split, self.table(split), train)
        return self.made(split, asked_of_pictures(rows), pictures, train)

    @abstractmethod
    def made(
        self, split: str, asked: Mapping[str, list[Asked]], pictures: Pictures, train: bool
    ) -> Batches[Batch]:
        """Questions, by the path of their picture, as batches."""
