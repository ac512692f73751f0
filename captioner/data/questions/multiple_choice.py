"""Multiple choice questions, and the data of a task that chooses."""

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
    """Multiple choice questions for training and evaluation. Subclasses write `connect` and `make_items`.

    Attributes:
        chooses_boxes: whether choices are boxes; otherwise they are texts.
    """

    chooses_boxes: ClassVar[bool]

    def table(self, split: str) -> "Dataset":
        """Return the rows of a split.

        Args:
            split: its name.

        Returns:
            A table with a row for each question.

        Raises:
            UserError: there is no such split, or its choices are of the other kind.
        """
        rows = super().table(split)
        if len(rows) and bool(rows[0]["boxes"]) != self.chooses_boxes:
            kind, task = ("words", "visual7w") if self.chooses_boxes else ("places", "visual7w-pointing")
            raise UserError(f"The choices of these questions are {kind}: that is for --task {task}.")
        return rows

    def vocabulary(self, min_count: int, max_size: int | None) -> Vocabulary:
        """Return the words of the training questions, and of their right answers where these are texts."""
        rows = self.table("train")
        said = [] if self.chooses_boxes else rows["answer"][:]
        return Vocabulary.from_texts(map(tokenize, [*rows["question"][:], *said]), min_count, max_size)

    def truth(self, split: str) -> dict[int, Truth]:
        """Return the right answers, by question id."""
        rows = self.table(split)
        kinds = zip(rows["answer"][:], rows["question_type"][:], strict=True)
        return dict(zip(rows["question_id"][:], (Truth(*one) for one in kinds), strict=True))

    def choices(self, split: str) -> dict[int, list[str]]:
        """Return the choices, by question id, in the order of `MultipleChoiceQuestion`."""
        about = questions_by_path(self.table(split))
        return {one.question_id: one.choices for own in about.values() for one in own}

    def items(self, split: str, train: bool = False) -> Batches[Batch]:
        """Return the samples of a split: images with all their questions."""
        rows, pictures = self.image_input(split, self.table(split), train)
        return self.make_items(split, questions_by_path(rows), pictures, train)

    @abstractmethod
    def connect(self, encoder: Encoder | None, questions: Any, training: TrainingConfig, seed: int) -> None:
        """Choose the encoder of images, and what encodes questions.

        Args:
            encoder: of the images; None for a model that uses no image.
            questions: the question encoder of the subclass's batches.
            training: batch size, length limit.
            seed: seed of order and crops.
        """

    @abstractmethod
    def make_items(
        self, split: str, asked: Mapping[str, list[MultipleChoiceQuestion]], pictures: ImageInput, train: bool
    ) -> Batches[Batch]:
        """Return the samples of a split.

        Args:
            split: its name.
            asked: questions by the path of their image.
            pictures: reads the images.
            train: whether they are trained on.

        Returns:
            The samples that a loader makes batches of.
        """
