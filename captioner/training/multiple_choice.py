"""What the tasks of Visual7W share: a decoder that reads questions, and the accuracy of what is chosen."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from PIL import Image
from torch import Tensor

from captioner.config import Config
from captioner.data.questions.base import QUESTION_SOURCES
from captioner.data.questions.multiple_choice import MultipleChoiceData, MultipleChoiceQuestion
from captioner.decoders.base import DECODERS, FACTS
from captioner.encoders.base import ENCODERS
from captioner.errors import UserError
from captioner.metrics.answers.choice_accuracy import Truth, choice_accuracy
from captioner.models.image_model import ImageTask, make_encoder
from captioner.training.task import TASKS, check_unused_options, gather_from_all_processes
from captioner.vocabulary import Vocabulary

UNUSED = ("text_encoder", "head", "search", "training.captions_per_image")


class MultipleChoiceTask(ImageTask):
    """A task that chooses one of a question's choices. Subclasses are final, with their own batches."""

    data_class: ClassVar[type[MultipleChoiceData[Any]]]

    def __init__(self, config: Config, vocabulary: Vocabulary, uses_image: bool = True) -> None:
        super().__init__(config, vocabulary)
        self.encoder = make_encoder(config.encoder) if uses_image else None
        self.decoder = DECODERS.build(
            config.decoder,
            feature_dim=self.encoder.feature_dim if self.encoder else 0,
            num_locations=math.prod(self.encoder.grid) if self.encoder else 0,
            vocab_size=len(vocabulary),
        )
        self.choices: dict[int, list[str]] = {}
        self.truth: dict[int, Truth] = {}
        self.chosen: dict[int, str] = {}

    @classmethod
    def check(cls, config: Config) -> None:
        """Refuse a mistake in the data, the encoder or the decoder."""
        QUESTION_SOURCES.check(config.data)
        ENCODERS.check(config.encoder)
        DECODERS.check(config.decoder, facts=FACTS)
        check_unused_options(config, UNUSED)

    @classmethod
    def prepare(cls, config: Config, cache: Path) -> tuple[Self, MultipleChoiceData[Any]]:
        """Read the questions for their words; pictures are read when they are needed."""
        source = QUESTION_SOURCES.build(config.data)
        data = cls.data_class(source, source.tables(), cache / "features")
        vocabulary = data.vocabulary(config.vocabulary.min_count, config.vocabulary.max_size)
        task = TASKS.build(config.task, config=config, vocabulary=vocabulary)
        assert isinstance(task, cls)
        task.connect(data)
        task.choices, task.truth = data.choices("val"), data.truth("val")
        return task, data

    @abstractmethod
    def connect(self, data: Any) -> None:
        """Tell the data who will look at pictures and read questions, and how."""

    @abstractmethod
    def batch(
        self,
        features_BLF: Tensor,
        images: Sequence[Image.Image | None],
        asked: Sequence[Sequence[MultipleChoiceQuestion]],
    ) -> Any:
        """An encoded batch of questions about each of some pictures (None where the model does not look)."""

    @abstractmethod
    def preferences(self, batch: Any) -> dict[int, list[float]]:
        """Of each question of an encoded batch, how much each choice is preferred: log-probabilities."""

    def describe(self, data: MultipleChoiceData[Any]) -> list[str]:
        """Questions, words, and what the encoder makes of a picture."""
        sizes = ", ".join(f"{split} {len(rows):,}" for split, rows in data.tables.items())
        name = self.config.data["name"]
        return [
            f"data       {name}: questions {sizes}; {len(self.vocabulary):,} words",
            self.describe_encoder(),
        ]

    def update_metrics(self, batch: Any) -> None:
        """Choose an answer to each question."""
        for question_id, preferred in self.preferences(batch).items():
            self.chosen[question_id] = self.choices[question_id][best_choice(preferred)]

    def compute_metrics(self) -> dict[str, float]:
        """Accuracy, over all and by type."""
        chosen = gather_from_all_processes(self.chosen)
        self.chosen = {}
        truth = {question_id: self.truth[question_id] for question_id in chosen}
        return choice_accuracy(chosen, truth).as_dict() if chosen else {}


def best_choice(preferred: Sequence[float]) -> int:
    """The first of those that are preferred most, to five digits: rounding alone decides nothing."""
    return max(range(len(preferred)), key=lambda i: round(preferred[i], 5))


def as_multiple_choice(task: Any, folder: object) -> MultipleChoiceTask:
    """The task of a loaded model, if it chooses answers.

    Raises:
        UserError: it does something else.
    """
    if not isinstance(task, MultipleChoiceTask):
        found = task.config.task["name"]
        raise UserError(f"{folder} holds a model for the task {found}, which does not choose answers.")
    return task
