"""Define models that choose one of a question's choices.

B images, K questions or sentences an image, L locations, F feature.
"""

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor

from captioner.config import Config
from captioner.data.questions.base import QUESTION_SOURCES
from captioner.data.questions.choices import MultipleChoiceQuestion
from captioner.decoders.base import DECODERS, FACTS
from captioner.encoders.base import ENCODERS
from captioner.models.base import check_unused_options, label_rows
from captioner.models.image_model import ImageModel, build_encoder
from captioner.tree import map_tree
from captioner.vocabulary import Vocabulary

UNUSED = ("text_encoder", "head", "search", "objective", "training.captions_per_image")


class MultipleChoiceModel(ImageModel):
    """An image encoder, and a decoder that reads questions. Subclasses are final, with batches of their own.

    Args:
        config: `encoder` and `decoder` say what is built.
        vocabulary: the words of questions, and of choices that are words.
        uses_image: whether there is an image encoder.

    Attributes:
        chooses_boxes: whether choices are boxes of the image, or words.
    """

    sources = QUESTION_SOURCES
    chooses_boxes: ClassVar[bool]

    def __init__(self, config: Config, vocabulary: Vocabulary, uses_image: bool = True) -> None:
        super().__init__(config, vocabulary)
        self.encoder = build_encoder(config.encoder) if uses_image else None
        self.decoder = DECODERS.build(
            config.decoder,
            feature_dim=self.encoder.feature_dim if self.encoder else 0,
            num_locations=math.prod(self.encoder.grid) if self.encoder else 0,
            vocab_size=len(vocabulary),
        )

    @classmethod
    def check(cls, config: Config) -> None:
        """Refuse a mistake in the encoder or the decoder."""
        ENCODERS.check(config.encoder)
        DECODERS.check(config.decoder, facts=FACTS)
        check_unused_options(config, UNUSED)

    def row_labels(self) -> dict[str, tuple[int, Sequence[str]]]:
        """See `Model`."""
        return label_rows("decoder", self.decoder.word_rows(), self.vocabulary.words)

    def score(
        self,
        features_BLF: Tensor,
        sizes: Sequence[tuple[int, int]],
        questions: Sequence[Sequence[MultipleChoiceQuestion]],
    ) -> dict[int, list[float]]:
        """Score the choices of questions about images.

        Args:
            features_BLF: features of the images.
            sizes: width and height of each image in pixels.
            questions: those about each image.

        Returns:
            By the id of a question the log-probabilities of its choices, a word on average where they are
            words.
        """
        batch = map_tree(lambda leaf: leaf.to(self.device), self.make_batch(features_BLF, sizes, questions))
        return self.choice_log_probs(self(batch, features_BLF=features_BLF))

    @abstractmethod
    def make_batch(
        self,
        features_BLF: Tensor,
        sizes: Sequence[tuple[int, int]],
        questions: Sequence[Sequence[MultipleChoiceQuestion]],
    ) -> Any:
        """Make the batch that the model's `forward` takes.

        Args:
            features_BLF: features of the images.
            sizes: width and height of each image in pixels.
            questions: those about each image.

        Returns:
            The batch, on the CPU but for the features.
        """

    @abstractmethod
    def choice_log_probs(self, output: Any) -> dict[int, list[float]]:
        """Return what `score` does from the output of `forward`."""


def best_choice(log_probs: Sequence[float]) -> int:
    """Return the first of the most probable choices, compared to five digits: rounding decides nothing."""
    return max(range(len(log_probs)), key=lambda i: round(log_probs[i], 5))
