"""Make batches of pointing questions, for training and evaluation."""

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
    """One split as batches of `PointingBatch`: an item is a picture with its questions."""

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

    def __getitems__(self, places: list[SampleIndex]) -> PointingBatch:
        places = sorted(places, key=lambda p: -max(len(q.tokens) for q in self.questions[p.number]))
        paths = [self.paths[place.number] for place in places]
        good, pictures = self.pictures.read(paths, [place.rng_seed(self.seed) for place in places])
        return pointing_batch(pictures, [self._seen(places[i].number) for i in good])

    def _seen(self, number: int) -> list[PointingQuestion]:
        path = self.paths[number]
        if path not in self._sizes:
            self._sizes[path] = picture_size(self.files[path])
        return [
            self.pointing.in_encoder_view(question, self._sizes[path]) for question in self.questions[number]
        ]


class PointingData(MultipleChoiceData[PointingBatch]):
    """Questions whose choices are places for training and evaluation."""

    chooses_boxes = True

    def connect(
        self, encoder: Encoder | None, questions: PointingQuestionEncoder, training: TrainingConfig, seed: int
    ) -> None:
        """Say who will look at the pictures, how questions are read, and how batches are made."""
        self.questions = questions
        self.set_encoder(encoder, training, seed)

    def make_items(
        self, split: str, asked: Mapping[str, list[MultipleChoiceQuestion]], pictures: ImageInput, train: bool
    ) -> PointingItems:
        """See `MultipleChoiceData`."""
        files = {path: self.source.image(split, path) for path in asked}
        return PointingItems(asked, files, pictures, self.questions, self.seed)
