"""Questions with choices: what is asked, and the data of a task that chooses."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from captioner.config import TrainingConfig
from captioner.data.images import ImageInput
from captioner.data.loader import Batch, Batches
from captioner.data.module import ImageData
from captioner.data.questions.choices import MultipleChoiceQuestion, questions_by_path
from captioner.encoders.base import Encoder
from captioner.errors import UserError
from captioner.metrics.answers.choice_accuracy import Truth
from captioner.metrics.tokenization.ptb import tokenize
from captioner.vocabulary import Vocabulary

if TYPE_CHECKING:
    from datasets import Dataset


class MultipleChoiceData(ImageData[Batch]):
    """Questions with choices for training and evaluation. Subclasses write `made`.

    `chooses_boxes` says whether choices are places, or words.
    """

    chooses_boxes: ClassVar[bool]

    def table(self, split: str) -> "Dataset":
        """The rows of a split.

        Raises:
            UserError: there is no such split, or its choices are of the other kind.
        """
        rows = super().table(split)
        if len(rows) and bool(rows[0]["boxes"]) != self.chooses_boxes:
            kind, task = ("words", "visual7w") if self.chooses_boxes else ("places", "visual7w-pointing")
            raise UserError(f"The choices of these questions are {kind}: that is for --task {task}.")
        return rows

    def vocabulary(self, min_count: int, max_size: int | None) -> Vocabulary:
        """The words of the training questions, and of their right answers where these are words."""
        rows = self.table("train")
        said = [] if self.chooses_boxes else rows["answer"][:]
        return Vocabulary.from_texts(map(tokenize, [*rows["question"][:], *said]), min_count, max_size)

    def truth(self, split: str) -> dict[int, Truth]:
        """The right answers, by question."""
        rows = self.table(split)
        kinds = zip(rows["answer"][:], rows["question_type"][:], strict=True)
        return dict(zip(rows["question_id"][:], (Truth(*one) for one in kinds), strict=True))

    def choices(self, split: str) -> dict[int, list[str]]:
        """The choices, by question, in the order of `MultipleChoiceQuestion`."""
        about = questions_by_path(self.table(split))
        return {one.question_id: one.choices for own in about.values() for one in own}

    def items(self, split: str, train: bool = False) -> Batches[Batch]:
        """The pictures of a split with all their questions as batches."""
        rows, pictures = self.image_input(split, self.table(split), train)
        return self.make_items(split, questions_by_path(rows), pictures, train)

    @abstractmethod
    def connect(self, encoder: Encoder | None, questions: Any, training: TrainingConfig, seed: int) -> None:
        """Choose the encoder of images, and what encodes questions.

        Args:
            encoder: of the images; None for a model that uses no image.
            questions: the question encoder of the subclass's batches.
            training: how batches are made.
            seed: for everything random.
        """

    @abstractmethod
    def make_items(
        self, split: str, asked: Mapping[str, list[MultipleChoiceQuestion]], pictures: ImageInput, train: bool
    ) -> Batches[Batch]:
        """Questions, by the path of their picture, as batches."""
