"""Make batches of telling questions, for training and evaluation."""

from collections.abc import Mapping, Sequence

from captioner.config import TrainingConfig
from captioner.data.images import ImageInput
from captioner.data.loader import SampleIndex
from captioner.data.questions.choices import MultipleChoiceQuestion
from captioner.data.questions.multiple_choice import MultipleChoiceData
from captioner.data.questions.telling_batch import (
    Sentence,
    TellingBatch,
    TellingQuestionEncoder,
    telling_batch,
)
from captioner.encoders.base import Encoder


class TellingItems:
    """One split as batches of `TellingBatch`: an item is a picture with its questions."""

    def __init__(
        self,
        asked: Mapping[str, Sequence[MultipleChoiceQuestion]],
        pictures: ImageInput,
        telling: TellingQuestionEncoder,
        seed: int,
        right_only: bool,
    ) -> None:
        self.pictures = pictures
        self.seed = seed
        self.paths = list(asked)
        self.sentences = [
            [sentence for one in own for sentence in telling.sentences(one, right_only)]
            for own in asked.values()
        ]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitems__(self, places: list[SampleIndex]) -> TellingBatch:
        places = sorted(places, key=lambda place: -_longest(self.sentences[place.number]))
        paths = [self.paths[place.number] for place in places]
        good, pictures = self.pictures.read(paths, [place.rng_seed(self.seed) for place in places])
        return telling_batch(pictures, [self.sentences[places[i].number] for i in good])


def _longest(sentences: Sequence[Sentence]) -> int:
    return max((len(sentence.tokens) for sentence in sentences), default=0)


class TellingData(MultipleChoiceData[TellingBatch]):
    """Questions with choices in words for training and evaluation."""

    chooses_boxes = False

    def connect(
        self, encoder: Encoder | None, questions: TellingQuestionEncoder, training: TrainingConfig, seed: int
    ) -> None:
        """Say who will look at the pictures, how sentences are made, and batches of them."""
        self.questions = questions
        self.set_encoder(encoder, training, seed)

    def make_items(
        self, split: str, asked: Mapping[str, list[MultipleChoiceQuestion]], pictures: ImageInput, train: bool
    ) -> TellingItems:
        """See `MultipleChoiceData`."""
        return TellingItems(asked, pictures, self.questions, self.seed, right_only=train)
