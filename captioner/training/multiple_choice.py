"""Train models that choose one of a question's choices."""

from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from captioner.config import Config
from captioner.data.questions.base import QUESTION_SOURCES
from captioner.data.questions.multiple_choice import MultipleChoiceData
from captioner.metrics.answers.choice_accuracy import Truth, choice_accuracy
from captioner.models.multiple_choice import MultipleChoiceModel, best_choice
from captioner.training.checks.monitor import check_monitor
from captioner.training.gather import gather_from_all_processes
from captioner.training.task import Task

ChoiceModelT = TypeVar("ChoiceModelT", bound=MultipleChoiceModel)


class MultipleChoiceTask(Task[ChoiceModelT]):
    """A task that chooses one of a question's choices. Subclasses are final, with batches of their own.

    Args:
        model: what is trained.

    Attributes:
        data_class: makes the batches.
        choices: the choices of validation questions, by question id.
        truth: their right answers.
        chosen: what was chosen since metrics were computed.
    """

    data_class: ClassVar[type[MultipleChoiceData[Any]]]

    def __init__(self, model: ChoiceModelT) -> None:
        super().__init__(model)
        self.choices: dict[int, list[str]] = {}
        self.truth: dict[int, Truth] = {}
        self.chosen: dict[int, str] = {}

    @classmethod
    def check(cls, config: Config) -> None:
        """Refuse a monitored figure that validation does not have."""
        check_monitor(config, ("accuracy",), kinds_of="accuracy")

    @classmethod
    def prepare(cls, config: Config, cache: Path) -> tuple[Self, MultipleChoiceData[Any]]:
        """Read the questions for their words; images are read when they are needed."""
        source = QUESTION_SOURCES.build(config.data)
        data = cls.data_class(source, source.tables(), cache / "features")
        vocabulary = data.vocabulary(config.vocabulary.min_count, config.vocabulary.max_size)
        task = cls.from_config(config, vocabulary)
        data.connect(task.model.encoder, task.model.question_encoder, config.training, config.seed)
        task.choices, task.truth = data.choices("val"), data.truth("val")
        return task, data

    @classmethod
    def check_data(cls, config: Config) -> object:
        """See `Task`."""
        from captioner.data.checks.questions import check_questions
        from captioner.training.vqa import NUM_ANSWERS

        return check_questions(QUESTION_SOURCES.build(config.data), config.vocabulary.min_count, NUM_ANSWERS)

    def describe(self, data: MultipleChoiceData[Any]) -> list[str]:
        """Return lines on questions, words and features."""
        sizes = ", ".join(f"{split} {len(rows):,}" for split, rows in data.tables.items())
        name = self.config.data["name"]
        return [
            f"data       {name}: questions {sizes}; {len(self.vocabulary):,} words",
            self.model.describe_encoder(),
        ]

    def update_metrics(self, batch: Any) -> None:
        """Choose an answer to each question of an encoded batch."""
        for question_id, log_probs in self.model.choice_log_probs(batch).items():
            self.chosen[question_id] = self.choices[question_id][best_choice(log_probs)]

    def compute_metrics(self) -> dict[str, float]:
        """Return the accuracy, over all questions and by type."""
        chosen = gather_from_all_processes(self.chosen)
        self.chosen = {}
        truth = {question_id: self.truth[question_id] for question_id in chosen}
        return choice_accuracy(chosen, truth).as_dict() if chosen else {}
