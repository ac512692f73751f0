"""Make batches of questions whose choices are texts, for training and evaluation."""

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
    """The samples of a split: an item is an image with its questions.

    Args:
        asked: questions by the path of their image.
        pictures: reads the images.
        telling: encodes the questions.
        seed: seed of random crops.
        right_only: whether only right choices have a sentence.
    """

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

    def __getitems__(self, indices: list[SampleIndex]) -> TellingBatch:
        indices = sorted(indices, key=lambda index: -_longest(self.sentences[index.number]))
        paths = [self.paths[index.number] for index in indices]
        good, pictures = self.pictures.read(paths, [index.rng_seed(self.seed) for index in indices])
        return telling_batch(pictures, [self.sentences[indices[i].number] for i in good])


def _longest(sentences: Sequence[Sentence]) -> int:
    return max((len(sentence.tokens) for sentence in sentences), default=0)


class TellingData(MultipleChoiceData[TellingBatch]):
    """Questions whose choices are texts, for training and evaluation."""

    chooses_boxes = False

    def connect(
        self, encoder: Encoder | None, questions: TellingQuestionEncoder, training: TrainingConfig, seed: int
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
    ) -> TellingItems:
        """Return the samples of a split; see `MultipleChoiceData`.

        Args:
            split: its name.
            asked: questions by the path of their image.
            pictures: reads the images.
            train: whether only right choices are kept.

        Returns:
            The samples.
        """
        return TellingItems(asked, pictures, self.questions, self.seed, right_only=train)
