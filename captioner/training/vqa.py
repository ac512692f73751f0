"""Answers to questions about pictures.

B images, N questions, T words, G glimpses, L locations, F feature, S question, V answers.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from captioner.cells.base import CELLS
from captioner.config import Config
from captioner.data.questions.answers import UNLISTED, Answers
from captioner.data.questions.base import QUESTION_SOURCES
from captioner.data.questions.batches import QuestionBatch, QuestionData, by_length, encode
from captioner.encoders.base import ENCODERS
from captioner.encoders.text_encoder import TextEncoder
from captioner.errors import UserError
from captioner.heads.base import HEADS, Answered, head_class
from captioner.metrics.answers.measures import MEASURES
from captioner.metrics.answers.vqa_accuracy import HumanAnswers
from captioner.models.image_model import ImageTask, make_encoder
from captioner.registry import check_options
from captioner.training.task import TASKS, Loss, check_unused_options, gather_from_all_processes
from captioner.vocabulary import UNK, Vocabulary

UNUSED = ("decoder", "search", "training.captions_per_image")
NUM_ANSWERS = 1000


class Prediction(NamedTuple):
    """An answer, and how likely it is."""

    text: str
    probability: float


class VQAOutput(NamedTuple):
    """A batch, and how likely each answer is to its questions."""

    asked: QuestionBatch
    answered: Answered | None


@TASKS.register("vqa")
class VQA(ImageTask):
    r"""Which of the most common answers is right (Antol et al., 2015)?

        loss = mean over questions of -log p(answer)                     the most common of what people said
        loss = mean over questions of sum over answers of BCE(p, soft_score)  with `soft_targets`

    An answer is soft_score its accuracy by the rule of VQA (Teney et al., 2018). The answers are the `num_answers`
    most common ones of training; questions with another one are left out of training, and are wrong in
    validation, where every question about a picture that can be read counts. With `init_scale` all weights
    and biases of the head and of what reads the question start in U(-init_scale, init_scale). `card` holds
    the `answers` of a model folder.
    """

    def __init__(
        self,
        config: Config,
        vocabulary: Vocabulary,
        card: Mapping[str, Any],
        num_answers: int = NUM_ANSWERS,
        soft_targets: bool = False,
        init_scale: float | None = None,
    ) -> None:
        super().__init__(config, vocabulary)
        self.answers = Answers(card["answers"])
        self.num_answers = num_answers
        self.soft_targets = soft_targets
        kind = head_class(config.head)
        self.encoder = make_encoder(config.encoder) if kind.uses_image else None
        self.text_encoder = (
            TextEncoder(len(vocabulary), **config.text_encoder) if kind.uses_question else None
        )
        self.head = HEADS.build(
            config.head,
            feature_dim=self.encoder.feature_dim if self.encoder else 0,
            state_dim=self.text_encoder.state_dim if self.text_encoder else 0,
            num_answers=len(self.answers),
        )
        if init_scale is not None:
            for module in (self.text_encoder, self.head):
                for parameter in module.parameters() if module else ():
                    nn.init.uniform_(parameter, -init_scale, init_scale)
        self.said: dict[int, str] = {}
        self.truth: dict[int, HumanAnswers] = {}
        self.measure = MEASURES["annotator_answers"]

    @classmethod
    def check(cls, config: Config) -> None:
        """Refuse a mistake in the data, the encoder, the question's encoder, its cell or the head."""
        QUESTION_SOURCES.check(config.data)
        HEADS.check(config.head, facts=("feature_dim", "state_dim", "num_answers"))
        kind = head_class(config.head)
        if kind.uses_image or config.encoder:
            ENCODERS.check(config.encoder)
        check_options("text_encoder", TextEncoder, config.text_encoder, facts=("vocab_size",))
        if config.text_encoder.get("cell"):
            CELLS.check(config.text_encoder["cell"], facts=("input_dim",))
        check_unused_options(config, UNUSED)

    @classmethod
    def prepare(cls, config: Config, cache: Path) -> tuple[Self, QuestionData]:
        """Read the questions for their words and answers; pictures are read when they are needed."""
        source = QUESTION_SOURCES.build(config.data)
        data = QuestionData(source, source.tables(), cache / "features")
        vocabulary = data.vocabulary(config.vocabulary.min_count, config.vocabulary.max_size)
        answers = data.answers(config.task.get("num_answers", NUM_ANSWERS))
        card = {"answers": answers.texts}
        task = TASKS.build(config.task, config=config, vocabulary=vocabulary, card=card)
        assert isinstance(task, cls)
        task.measure, task.truth = MEASURES[source.answers_are], data.truth("val")
        soft_score = task.measure.soft_score if task.soft_targets else None
        data.connect(task.encoder, vocabulary, answers, config.training, config.seed, soft_score)
        return task, data

    def describe(self, data: QuestionData) -> list[str]:
        """Questions, words, answers, and what the encoders make of picture and question."""
        sizes = ", ".join(f"{split} {len(rows):,}" for split, rows in data.tables.items())
        name, state = self.config.data["name"], self.text_encoder and self.text_encoder.state_dim
        return [
            f"data       {name}: questions {sizes}; {len(self.vocabulary):,} words",
            f"answers    {len(self.answers):,}, of {data.share_listed('train', self.answers):.1%} of train",
            self.describe_encoder(),
            f"question   {state} numbers" if state else "question   not read",
        ]

    def to_card(self) -> dict[str, Any]:
        """The answers, and what is done to a picture before the encoder sees it."""
        return super().to_card() | {"answers": self.answers.texts}

    def read(self, tokens: Sequence[Tensor]) -> Tensor:
        """question_NS of all questions, from tokens_NT of each length."""
        if self.text_encoder is None:
            return torch.zeros(sum(map(len, tokens)), 0, device=self.device)
        return torch.cat([self.text_encoder(tokens_NT).state_NS for tokens_NT in tokens])

    def answer(self, features_BLF: Tensor, images_N: Tensor, tokens: Sequence[Tensor]) -> Answered:
        """Scores of all answers to questions, those of each length apart and the shortest first."""
        answered: Answered = self.head(features_BLF, images_N, self.read(tokens))
        return answered

    def ask(self, features_BLF: Tensor, images_N: Sequence[int], questions: Sequence[str]) -> Answered:
        """Scores of all answers to questions in any order."""
        max_words = self.config.training.max_words
        tokens = [encode(question, self.vocabulary, max_words) for question in questions]
        order_N = torch.tensor(sorted(range(len(tokens)), key=lambda n: len(tokens[n])), device=self.device)
        asked = tuple(own.to(self.device) for own in by_length([tokens[n] for n in order_N.tolist()]))
        about_N = torch.tensor(images_N, device=self.device)[order_N]
        logits_NV, alphas_NGL = self.answer(features_BLF, about_N, asked)
        back_N = order_N.argsort()
        return Answered(logits_NV[back_N], None if alphas_NGL is None else alphas_NGL[back_N])

    def knows_a_word(self, question: str) -> bool:
        """Whether the model can go by the question: it does not read any, or it knows a word of this one."""
        words = encode(question, self.vocabulary, self.config.training.max_words)
        return self.text_encoder is None or any(word != UNK for word in words)

    def best(self, logits_V: Tensor, count: int, choices: Sequence[str] = ()) -> list[Prediction]:
        """The `count` likeliest answers, or choices; a choice that is not in the list has no probability."""
        offered = list(dict.fromkeys(choices)) or self.answers.texts
        texts = [text for text in offered if self.answers.number(text) != UNLISTED]
        logits_K = logits_V[[self.answers.number(text) for text in texts]]
        likely_K = logits_K.sigmoid() if self.soft_targets else logits_K.softmax(dim=-1)
        order_K = likely_K.argsort(descending=True, stable=True)[:count].tolist()
        predictions = [Prediction(texts[k], float(likely_K[k])) for k in order_K]
        unheard = [Prediction(text, 0.0) for text in offered if self.answers.number(text) == UNLISTED]
        return [*predictions, *unheard][:count]

    def encode(self, batch: QuestionBatch) -> VQAOutput:
        """The batch and what the head makes of it; of one that no picture could be read of, nothing."""
        if not len(batch.pictures):
            return VQAOutput(batch, None)
        return VQAOutput(batch, self.answer(self.features(batch.pictures), batch.images_N, batch.tokens))

    def loss(self, batch: VQAOutput) -> Loss | None:
        """Loss over the questions whose answer is listed."""
        asked, answered = batch
        listed_N = asked.answers_N != UNLISTED
        if answered is None or not listed_N.any():
            return None
        logits_NV, size = answered.logits_NV[listed_N], int(listed_N.sum())
        if self.soft_targets:
            total = F.binary_cross_entropy_with_logits(
                logits_NV, asked.soft_scores_NV[listed_N], reduction="sum"
            )
            return Loss(total / size, {}, size)
        return Loss(F.cross_entropy(logits_NV, asked.answers_N[listed_N]), {}, size)

    def update_metrics(self, batch: VQAOutput) -> None:
        """Answer each question."""
        if batch.answered is not None:
            best_N = batch.answered.logits_NV.argmax(dim=-1).tolist()
            for question_id, number in zip(batch.asked.question_ids_N.tolist(), best_N, strict=True):
                self.said[question_id] = self.answers.texts[number]

    def compute_metrics(self) -> dict[str, float]:
        """Accuracy over all questions and by the type of the answer, 0 to 1."""
        said = gather_from_all_processes(self.said)
        self.said = {}
        if not said or not self.truth:
            return {}
        truth = {question_id: self.truth[question_id] for question_id in said}
        scores = self.measure.score(said, truth)
        kinds = {
            f"accuracy_{kind.replace('/', '_')}": v for kind, v in scores.per_answer_type.items() if kind
        }
        return {name: value / 100 for name, value in {"accuracy": scores.overall, **kinds}.items()}


def as_vqa(task: Any, folder: object) -> VQA:
    """The task of a loaded model, if it answers questions.

    Raises:
        UserError: it does something else.
    """
    if not isinstance(task, VQA):
        raise UserError(f"{folder} holds a model for the task {task.config.task['name']}, not vqa.")
    return task
