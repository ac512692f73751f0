"""Define an objective: what training minimises, as a component of its own.

B images, K sentences an image, T time, L locations, F feature.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from torch import Tensor, nn

from captioner.decoders.base import Decoder
from captioner.metrics.ngrams import Tokens
from captioner.registry import Registry
from captioner.training.loss import Loss
from captioner.vocabulary import Vocabulary


class SentenceBatch(NamedTuple):
    """Encoded images, or sources of a translation, with the sentences to learn."""

    ids_B: Tensor
    features_BLF: Tensor
    tokens_BKT: Tensor  # <bos> words <eos>, filled up with <pad>


class Objective(nn.Module, ABC):
    """A loss of a decoder on sentences. Subclasses are final; the constructor's arguments are its options.

    Validation always reports the plain cross-entropy: an objective is of training alone.

    Attributes:
        rewards_samples: whether sentences that the model generates are rewarded. Then `set_references` is
            called before training, which must start from a trained model (`training.init_from`).
    """

    rewards_samples: ClassVar[bool] = False

    def set_references(self, references: Mapping[int, Sequence[Tokens]], vocabulary: Vocabulary) -> None:
        """Keep the tokens of the training references by id, and the words of the model."""

    @abstractmethod
    def forward(self, decoder: Decoder, batch: SentenceBatch, progress: float) -> Loss | None:
        """Compute the loss of a batch.

        Args:
            decoder: what is trained, in training mode.
            batch: the encoded batch; features carry a gradient where the encoder is trained.
            progress: the share of all epochs that is done, 0 in the first and 1 in the last one.

        Returns:
            The loss and figures to log, or None where the batch has no word.
        """


OBJECTIVES: Registry[Objective] = Registry("objective", "captioner.training.objectives")
