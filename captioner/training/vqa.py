"""Train a model that answers questions about images.

B images, N questions, V answers.
"""

from pathlib import Path
from typing import Any, NamedTuple, Self

import torch.nn.functional as F
from torch import nn

from captioner.config import Config
from captioner.data.questions.answers import UNLISTED
from captioner.data.questions.base import QUESTION_SOURCES
from captioner.data.questions.batches import QuestionBatch, QuestionData
from captioner.heads.base import Answered
from captioner.metrics.answers.measures import MEASURES
from captioner.metrics.answers.vqa_accuracy import HumanAnswers
from captioner.models.vqa import VQAModel
from captioner.ranges import Count, Positive
from captioner.training.checks.monitor import check_monitor
from captioner.training.gather import gather_from_all_processes
from captioner.training.loss import Loss
from captioner.training.task import TASKS, Task

NUM_ANSWERS = 1000
"""In the answer list, where a config does not say: as most papers have it."""


class VQAOutput(NamedTuple):
    """A batch and the scores of its answers; none of a batch without an image."""

    batch: QuestionBatch
    answered: Answered | None


@TASKS.register("vqa")
class VQATask(Task[VQAModel]):
    r"""Which of the most common answers is right (Antol et al., 2015).

        loss = mean over questions of -log p(answer)                   the answer that most people gave
        loss = mean over questions of sum over answers of BCE(p, s)    with the model's `soft_targets`

    s is an answer's soft score, its accuracy by the rule of VQA (Teney et al., 2018). Questions whose answer
    is not in the list are left out of training, and are wrong in validation, where every question about an
    image that can be read counts.

    Args:
        model: what is trained.
        num_answers: length of the list, the most common answers of training.
        init_scale: if given, weights and biases of the head and of the text encoder start in
            U(-init_scale, init_scale).
    """

    def __init__(
        self, model: VQAModel, num_answers: Count = NUM_ANSWERS, init_scale: Positive | None = None
    ) -> None:
        super().__init__(model)
        self.num_answers = num_answers
        if init_scale is not None:
            for module in (model.text_encoder, model.head):
                for parameter in module.parameters() if module else ():
                    nn.init.uniform_(parameter, -init_scale, init_scale)
        self.predicted: dict[int, str] = {}
        self.truth: dict[int, HumanAnswers] = {}
        self.measure = MEASURES["annotator_answers"]

    @classmethod
    def check(cls, config: Config) -> None:
        """Refuse a monitored figure that validation does not have."""
        check_monitor(config, ("accuracy",), kinds_of="accuracy")

    @classmethod
    def prepare(cls, config: Config, cache: Path) -> tuple[Self, QuestionData]:
        """Read the questions for their words and answers; images are read when they are needed."""
        source = QUESTION_SOURCES.build(config.data)
        data = QuestionData(source, source.tables(), cache / "features")
        vocabulary = data.vocabulary(config.vocabulary.min_count, config.vocabulary.max_size)
        answers = data.answers(config.task.get("num_answers", NUM_ANSWERS))
        task = cls.from_config(config, vocabulary, {"answers": answers.texts})
        task.measure, task.truth = MEASURES[source.answers_are], data.truth("val")
        soft_score = task.measure.soft_score if task.model.soft_targets else None
        data.connect(task.model.encoder, vocabulary, answers, config.training, config.seed, soft_score)
        return task, data

    @classmethod
    def check_data(cls, config: Config) -> object:
        """See `Task`."""
        from captioner.data.checks.questions import check_questions

        num_answers = config.task.get("num_answers", NUM_ANSWERS)
        return check_questions(QUESTION_SOURCES.build(config.data), config.vocabulary.min_count, num_answers)

    def describe(self, data: QuestionData) -> list[str]:
        """Return lines on questions, words, answers and encoders."""
        sizes = ", ".join(f"{split} {len(rows):,}" for split, rows in data.tables.items())
        name, model = self.config.data["name"], self.model
        state = model.text_encoder and model.text_encoder.state_dim
        listed = data.share_listed("train", model.answers)
        return [
            f"data       {name}: questions {sizes}; {len(self.vocabulary):,} words",
            f"answers    {len(model.answers):,}, of {listed:.1%} of train",
            model.describe_encoder(),
            f"question   {state} numbers" if state else "question   not read",
        ]

    def encode(self, batch: QuestionBatch) -> VQAOutput:
        """Return the batch and the scores of its answers."""
        if not len(batch.pictures):
            return VQAOutput(batch, None)
        features_BLF = self.model.features(batch.pictures)
        return VQAOutput(batch, self.model(features_BLF, batch.images_N, batch.tokens))

    def loss(self, batch: VQAOutput) -> Loss | None:
        """Return the loss over the questions whose answer is listed."""
        questions, answered = batch
        listed_N = questions.answers_N != UNLISTED
        if answered is None or not listed_N.any():
            return None
        logits_NV, size = answered.logits_NV[listed_N], int(listed_N.sum())
        if self.model.soft_targets:
            targets_NV = questions.soft_scores_NV[listed_N]
            total = F.binary_cross_entropy_with_logits(logits_NV, targets_NV, reduction="sum")
            return Loss(total / size, {}, size)
        return Loss(F.cross_entropy(logits_NV, questions.answers_N[listed_N]), {}, size)

    def update_metrics(self, batch: VQAOutput) -> None:
        """Answer each question."""
        if batch.answered is not None:
            best_N = batch.answered.logits_NV.argmax(dim=-1).tolist()
            for question_id, number in zip(batch.batch.question_ids_N.tolist(), best_N, strict=True):
                self.predicted[question_id] = self.model.answers.texts[number]

    def compute_metrics(self) -> dict[str, float]:
        """Return the accuracy over all questions and by the type of the answer, 0 to 1."""
        predicted = gather_from_all_processes(self.predicted)
        self.predicted = {}
        if not predicted or not self.truth:
            return {}
        truth = {question_id: self.truth[question_id] for question_id in predicted}
        scores = self.measure.score(predicted, truth)
        kinds: dict[str, Any] = {
            f"accuracy_{kind.replace('/', '_')}": v for kind, v in scores.per_answer_type.items() if kind
        }
        return {name: value / 100 for name, value in {"accuracy": scores.overall, **kinds}.items()}
