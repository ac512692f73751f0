"""Questions with choices about pictures to the choice a model prefers."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from captioner.data.questions.multiple_choice import Asked, in_order
from captioner.device import best_device
from captioner.errors import UserError
from captioner.images import ImageSource
from captioner.inference.vqa import Looked, Reply, look_at
from captioner.insight.attention_map import draw_attention
from captioner.models.folder import load_model
from captioner.training.multiple_choice import MultipleChoiceTask, as_multiple_choice, best_choice
from captioner.training.visual7w import Visual7WTelling
from captioner.training.vqa import Prediction
from captioner.vocabulary import BOS

BATCH_SIZE = 32


class Chosen(NamedTuple):
    """How much a model prefers each choice of a question; or why it has not looked."""

    asked: Asked
    preferred: list[float]  # log-probabilities, of a word on average where the choices are words
    problem: str | None

    @property
    def choice(self) -> str | None:
        """The one it prefers."""
        return self.asked.choices[best_choice(self.preferred)] if self.preferred else None


def choose(
    task: MultipleChoiceTask, pictures: Mapping[str, ImageSource], asked: Mapping[str, Sequence[Asked]]
) -> Iterator[Chosen]:
    """Choose for all questions about named pictures, picture after picture; no two questions have one id.

    A question about a picture that cannot be read comes with its problem.
    """
    task = task.to(best_device())
    names = list(asked)
    for start in range(0, len(names), BATCH_SIZE):
        looked = {name: look_at(task, pictures[name]) for name in names[start : start + BATCH_SIZE]}
        preferred = _preferred(task, looked, asked)
        for name, one in looked.items():
            for question in asked[name]:
                yield Chosen(question, preferred.get(question.question_id, []), one.problem)


@torch.inference_mode()
def _preferred(
    task: MultipleChoiceTask, looked: Mapping[str, Looked], asked: Mapping[str, Sequence[Asked]]
) -> dict[int, list[float]]:
    good = {name: one.image for name, one in looked.items() if not one.problem}
    if not good:
        return {}
    images = list(good.values())
    return task.preferences(task.batch(task.encode_images(images), images, [asked[name] for name in good]))


class Chooser:
    """A model folder that chooses among answers, loaded once; answers as `answer.Answerer` does.

    Raises:
        UserError: the folder holds no model that chooses.
    """

    def __init__(self, model: Path, n_best: int = 5) -> None:
        self.task = as_multiple_choice(load_model(model), model)
        self.model = model
        self.n_best = n_best

    def __call__(self, questions: Sequence[answer.Asked]) -> Iterator[Reply]:
        """The choices of each question, the most preferred first; probabilities are among the choices.

        Raises:
            UserError: there are no choices, or they are not of the model's kind.
        """
        asked: dict[str, list[Asked]] = {}
        for number, one in enumerate(questions):
            asked.setdefault(one.picture, []).append(self._with_choices(number, one))
        found = choose(self.task, {one.picture: one.source for one in questions}, asked)
        replies = {one.asked.question_id: one for one in found}
        for number, one in enumerate(questions):
            predictions = self._predictions(replies[number])
            yield Reply(one, predictions[: self.n_best], None, None, replies[number].problem)

    def check_has_attention(self) -> None:
        """Make sure there is something to draw.

        Raises:
            UserError: the model points at places, or does not attend.
        """
        if not isinstance(self.task, Visual7WTelling) or not self.task.decoder.has_attention:
            raise UserError(f"{self.model} does not look at places as it answers: no attention to draw.")

    @torch.inference_mode()
    def draw(self, reply: Reply) -> Image.Image:
        """The picture, and where the model looked before each word of the question and its best answer."""
        task = self.task
        assert isinstance(task, Visual7WTelling)
        assert task.encoder is not None
        image = look_at(task, reply.asked.source)
        (told,) = task.telling.sentences(Asked(0, reply.asked.question, [reply.answers[0].text], [], 0))
        read_T = torch.tensor(told.tokens[:-2], device=task.device)
        alphas_TL = self._alphas(task.encode_images([image.image]), read_T)
        times = [t for t, word in enumerate(told.tokens[1:-1]) if word != BOS]
        words = [task.vocabulary.words[told.tokens[t + 1]] for t in times]
        assert image.encoder_view is not None
        return draw_attention(image.encoder_view, words, alphas_TL[times].cpu().numpy(), task.encoder.grid)

    def _alphas(self, features_BLF: Tensor, read_T: Tensor) -> Tensor:
        """Where the model looked at each of the words it read."""
        mask_BKT = torch.ones(1, 1, len(read_T), dtype=torch.bool, device=read_T.device)
        alphas_NTL = self.task.decoder.unroll_hidden(features_BLF, read_T[None, None], mask_BKT).alphas_NTL
        assert alphas_NTL is not None
        return alphas_NTL[0]

    def _with_choices(self, number: int, one: answer.Asked) -> Asked:
        choices = list(dict.fromkeys(one.choices))
        if len(choices) < 2:
            raise UserError(f"{self.model} holds a model that chooses: give it --choices, two or more.")
        boxes = [_box(text) for text in choices] if self.task.data_class.points else []
        return in_order(number, one.question, choices, boxes)

    def _predictions(self, found: Chosen) -> list[Prediction]:
        likely = torch.tensor(found.preferred).softmax(dim=0).tolist()
        predictions = [
            Prediction(text, value) for text, value in zip(found.asked.choices, likely, strict=False)
        ]
        return sorted(predictions, key=lambda prediction: -round(prediction.probability, 5))


def _box(text: str) -> list[float]:
    try:
        box = [float(part) for part in text.split(",")]
    except ValueError:
        box = []
    if len(box) != 4 or not all(map(math.isfinite, box)) or min(box[2:]) <= 0:
        raise UserError(f"{text!r} is not a place: give x,y,width,height in pixels, as in 40,25,30,30.")
    return box
