"""Train models that write sentences: the objective, and what is generated in validation.

B images, K sentences an image, T time, L locations, F feature.
"""

from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple

from torch import Tensor

from captioner.config import Component
from captioner.decoders.base import Decoder
from captioner.search.base import Search, best
from captioner.training.loss import Loss
from captioner.training.objectives.base import OBJECTIVES, SentenceBatch
from captioner.training.objectives.teacher_forcing import teacher_forcing_loss
from captioner.training.task import ModelT, Task
from captioner.vocabulary import Vocabulary


class Generated(NamedTuple):
    """A sentence that the model wrote."""

    words: list[str]
    was_cut: bool


class SentenceTask(Task[ModelT]):
    """A task whose model writes sentences. Subclasses are final.

    Training minimises the objective of the config. Validation generates with a search: `val/loss` is teacher
    forced, every other figure is of sentences that the model wrote.

    Args:
        model: what is trained.
        search: how sentences are generated in validation.

    Attributes:
        default_objective: the objective where the config names none.
        generated: what was generated since metrics were computed, by id.
    """

    default_objective: ClassVar[Component] = {"name": "cross_entropy"}

    def __init__(self, model: ModelT, search: Search) -> None:
        super().__init__(model)
        self.search = search
        self.objective = OBJECTIVES.build(self.config.objective or dict(self.default_objective))
        self.generated: dict[int, Generated] = {}

    @abstractmethod
    def sentence_batch(self, batch: Any) -> SentenceBatch | None:
        """Return what the objective takes of an encoded batch; None of one without an image."""

    @property
    def progress(self) -> float:
        """The share of all epochs that is done: 0 in the first, 1 in the last one; 0 without a last one."""
        epochs = self.trainer.max_epochs or 0
        return min(1.0, self.current_epoch / max(1, epochs - 1)) if epochs > 0 else 0.0

    def loss(self, batch: Any) -> Loss | None:
        """Return the objective of a batch in training, the cross-entropy of the next word in validation."""
        sentences = self.sentence_batch(batch)
        if sentences is None:
            return None
        decoder: Decoder = self.model.decoder  # type: ignore[assignment]
        if self.training:
            found: Loss | None = self.objective(decoder, sentences, self.progress)
            return found
        forced = teacher_forcing_loss(decoder, sentences.features_BLF, sentences.tokens_BKT)
        return None if forced is None else Loss(forced.loss, {}, forced.size)

    def update_metrics(self, batch: Any) -> None:
        """Generate a sentence for each image or source of a batch."""
        sentences = self.sentence_batch(batch)
        if sentences is not None:
            decoder: Decoder = self.model.decoder  # type: ignore[assignment]
            found = generate_sentences(self.search, decoder, sentences.features_BLF, self.vocabulary)
            self.generated |= zip(sentences.ids_B.tolist(), found, strict=True)


def generate_sentences(
    search: Search, decoder: Decoder, features_BLF: Tensor, vocabulary: Vocabulary
) -> list[Generated]:
    """Generate a sentence for each image.

    Args:
        search: how.
        decoder: the model.
        features_BLF: encoded images.
        vocabulary: its words.

    Returns:
        The best sentence of each image.
    """
    found = best(search(decoder, features_BLF))
    return [Generated(vocabulary.decode(one.tokens), not one.finished) for one in found]
