"""Make batches of questions whose choices are boxes, for training and evaluation."""

from collections.abc import Mapping, Sequence

from captioner.config import TrainingConfig
from captioner.data.images import ImageInput
from captioner.data.loader import SampleIndex
from captioner.data.questions.choices import MultipleChoiceQuestion
from captioner.data.questions.multiple_choice import MultipleChoiceData
from captioner.data.questions.pointing_batch import (
    PointingBatch,
    PointingQuestion,
    PointingQuestionEncoder,
    pointing_batch,
)
from captioner.encoders.base import Encoder
from captioner.images import ImageSource, picture_size


class PointingItems:
    """The samples of a split: an item is an image with its questions.

    Args:
        asked: questions by the path of their image.
        files: the source of each image, by its path, for its size.
        pictures: reads the images.
        pointing: encodes the questions.
        seed: seed of random crops.
    """

    def __init__(
        self,
        asked: Mapping[str, Sequence[MultipleChoiceQuestion]],
        files: Mapping[str, ImageSource],
        pictures: ImageInput,
        pointing: PointingQuestionEncoder,
        seed: int,
    ) -> None:
        self.paths = list(asked)
        self.questions = [[pointing.question(one) for one in own] for own in asked.values()]
        self.files = files
        self.pictures = pictures
        self.pointing = pointing
        self.seed = seed
        self._sizes: dict[str, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self.paths)

    def __getitems__(self, indices: list[SampleIndex]) -> PointingBatch:
        indices = sorted(indices, key=lambda p: -max(len(q.tokens) for q in self.questions[p.number]))
        paths = [self.paths[index.number] for index in indices]
        good, pictures = self.pictures.read(paths, [index.rng_seed(self.seed) for index in indices])
        return pointing_batch(pictures, [self._seen(indices[i].number) for i in good])

    def _seen(self, number: int) -> list[PointingQuestion]:
        path = self.paths[number]
        if path not in self._sizes:
            self._sizes[path] = picture_size(self.files[path])
        return [
            self.pointing.in_encoder_view(question, self._sizes[path]) for question in self.questions[number]
        ]


class PointingData(MultipleChoiceData[PointingBatch]):
    """Questions whose choices are boxes, for training and evaluation."""

    chooses_boxes = True

    def connect(
        self, encoder: Encoder | None, questions: PointingQuestionEncoder, training: TrainingConfig, seed: int
    ) -> None:
        """Set encoder and question encoder; see `MultipleChoiceData`.

        Args:
            encoder: of the images; None for a model that uses no image.
            questions: encodes the questions.
            training: batch size.
            seed: seed of order and crops.
        """
        self.questions = questions
        self.set_encoder(encoder, training, seed)

    def make_items(
        self, split: str, asked: Mapping[str, list[MultipleChoiceQuestion]], pictures: ImageInput, train: bool
    ) -> PointingItems:
        """Return the samples of a split; see `MultipleChoiceData`.

        Args:
            split: its name.
            asked: questions by the path of their image.
            pictures: reads the images.
            train: without effect here.

        Returns:
            The samples.
        """
        files = {path: self.source.image(split, path) for path in asked}
        return PointingItems(asked, files, pictures, self.questions, self.seed)
