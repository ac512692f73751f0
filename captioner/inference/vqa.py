"""Questions about pictures to answers with a trained model: one way for evaluation and for the command line.

N questions, G glimpses, L locations.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image

from captioner.device import best_device
from captioner.errors import UserError
from captioner.images import ImageSource, UnreadableImage, load_image
from captioner.insight.attention_map import draw_attention
from captioner.models.folder import load_model
from captioner.models.image_model import ImageTask
from captioner.training.vqa import VQA, Prediction, as_vqa

BATCH_SIZE = 64
NO_KNOWN_WORD = "{!r:.60} has no word that the model knows: it answers as if it could not read the question."


class Asked(NamedTuple):
    """A question about a picture; where there are choices, one of them is the answer."""

    picture: str  # its name
    source: ImageSource
    question: str
    choices: Sequence[str] = ()


class Reply(NamedTuple):
    """What a model answers; or why it does not."""

    asked: Asked
    answers: list[Prediction]  # the best first
    encoder_view: Image.Image | None  # what the encoder saw of the picture
    alphas_GL: Any | None  # a numpy array
    problem: str | None
    note: str | None = None  # what to know of the answers


class Looked(NamedTuple):
    """A picture as it is and as the encoder sees it, or what is wrong with it; all None if nobody looks."""

    image: Image.Image | None
    encoder_view: Image.Image | None
    problem: str | None


def answer(task: VQA, questions: Sequence[Asked], n_best: int = 1) -> Iterator[Reply]:
    """Answer questions in batches, in order; one about a picture that cannot be read comes with its problem.

    A picture that several questions of a batch are about is read and encoded once.
    """
    task = task.to(best_device())
    for start in range(0, len(questions), BATCH_SIZE):
        yield from _batch(task, questions[start : start + BATCH_SIZE], n_best)


def _batch(task: VQA, questions: Sequence[Asked], n_best: int) -> list[Reply]:
    sources = {asked.picture: asked.source for asked in questions}
    looked = {name: look_at(task, source) for name, source in sources.items()}
    good = [name for name, one in looked.items() if not one.problem]
    asked = [one for one in questions if one.picture in good]
    replies = iter(_answered(task, asked, {name: looked[name] for name in good}, n_best) if good else ())
    return [
        next(replies) if one.picture in good else Reply(one, [], None, None, looked[one.picture].problem)
        for one in questions
    ]


def look_at(task: ImageTask, source: ImageSource) -> Looked:
    """Load a picture, if the task looks at any."""
    if task.encoder is None:
        return Looked(None, None, None)
    try:
        image = load_image(source)
    except UnreadableImage as problem:
        return Looked(None, None, str(problem))
    return Looked(image, task.encoder.preprocessing.encoder_view(image), None)


def _answered(
    task: VQA, questions: Sequence[Asked], looked: dict[str, Looked], n_best: int
) -> Iterator[Reply]:
    places = {name: b for b, name in enumerate(looked)}
    images = [places[asked.picture] for asked in questions]
    with torch.inference_mode():
        features_BLF = task.encode_images([one.image for one in looked.values()])
        logits_NV, alphas_NGL = task.ask(features_BLF, images, [asked.question for asked in questions])
    for n, asked in enumerate(questions):
        alphas_GL = None if alphas_NGL is None else alphas_NGL[n].float().cpu().numpy()
        best = task.best(logits_NV[n], n_best, asked.choices)
        note = None if task.knows_a_word(asked.question) else NO_KNOWN_WORD.format(asked.question)
        yield Reply(asked, best, looked[asked.picture].encoder_view, alphas_GL, None, note)


class Answerer:
    """A model folder, loaded once.

    Raises:
        UserError: the folder holds no model that answers questions.
    """

    def __init__(self, model: Path, n_best: int = 5) -> None:
        self.task = as_vqa(load_model(model), model)
        self.model = model
        self.n_best = n_best

    def __call__(self, questions: Sequence[Asked]) -> Iterator[Reply]:
        """Answers in the order of the questions."""
        return answer(self.task, questions, self.n_best)

    def check_has_attention(self) -> None:
        """Make sure there is something to draw.

        Raises:
            UserError: the head does not attend.
        """
        if not self.task.head.has_attention:
            where = f"{self.model} holds a {self.task.config.head['name']} head"
            raise UserError(f"{where}, which does not look at places: no attention to draw.")

    def draw(self, reply: Reply) -> Image.Image:
        """The picture, and where the model looked at each glimpse, with its answer above the last."""
        return draw_glimpses(self.task, reply)


def draw_glimpses(task: VQA, reply: Reply) -> Image.Image:
    """The picture, and where the model looked at each glimpse, with its answer above the last."""
    assert reply.encoder_view is not None
    assert reply.alphas_GL is not None
    assert task.encoder is not None
    return draw_attention(reply.encoder_view, glimpse_titles(reply), reply.alphas_GL, task.encoder.grid)


def glimpse_titles(reply: Reply) -> list[str]:
    """A word for each glimpse; the answer for the last."""
    assert reply.alphas_GL is not None
    return [*(f"glimpse {number}" for number in range(1, len(reply.alphas_GL))), reply.answers[0].text]
