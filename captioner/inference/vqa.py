"""Answer questions about images with a trained model.      N questions, G glimpses, L locations."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image

from captioner.errors import UserError
from captioner.images import ImageSource, UnreadableImage, image_name
from captioner.inference.base import PREDICTORS, EncoderInput, ImagePredictor
from captioner.models.vqa import Prediction, VQAModel

BATCH_SIZE = 64
NO_KNOWN_WORD = "{!r:.60} has no word that the model knows: it answers as if it could not read the question."


class ImageQuestion(NamedTuple):
    """A question about an image; where there are choices, one of them is the answer.

    Attributes:
        name: of the image.
        source: the image.
        question: the text.
        choices: answers to choose from, or boxes `x,y,width,height`.
    """

    name: str
    source: ImageSource
    question: str
    choices: Sequence[str] = ()


class Reply(NamedTuple):
    """Answers to a question, the most probable first; or why there is none.

    Attributes:
        question: what was asked.
        answers: each with its probability.
        encoder_view: the part of the image that the encoder sees; None where there is nothing to draw.
        alphas_GL: attention of each glimpse, a numpy array; None without attention.
        problem: why the image could not be read, or None.
        note: what to know of the answers.
    """

    question: ImageQuestion
    answers: list[Prediction]
    encoder_view: Image.Image | None
    alphas_GL: Any | None
    problem: str | None
    note: str | None = None

    @property
    def text(self) -> str:
        """The most probable answer; empty where there is none."""
        return self.answers[0].text if self.answers else ""

    @property
    def probability(self) -> float:
        """The probability of that answer."""
        return self.answers[0].probability if self.answers else 0.0

    @property
    def attention(self) -> Any | None:
        """Attention of each glimpse, (G, L); None without attention."""
        return self.alphas_GL


class QuestionPredictor(ImagePredictor[Any]):
    """A predictor that answers questions. Subclasses are final.

    Args:
        folder: the model folder.
        n_best: answers a question.

    Raises:
        UserError: the folder holds no such model.
    """

    def __init__(self, folder: Path | str, n_best: int = 5) -> None:
        super().__init__(folder)
        self.n_best = n_best

    def answer(
        self, image: ImageSource, question: str | list[str], choices: Sequence[str] = ()
    ) -> Reply | list[Reply]:
        """Answer one question about an image, or a list of questions.

        Args:
            image: a file, a file's bytes, a PIL image or a numpy array.
            question: the text, or texts.
            choices: answers to choose from, where the model needs or allows them.

        Returns:
            The reply, or a list of replies in order.

        Raises:
            UnreadableImage: the image cannot be read.
        """
        texts = question if isinstance(question, list) else [question]
        name = image_name(image)
        replies = list(self.stream([ImageQuestion(name, image, text, choices) for text in texts]))
        if replies and replies[0].problem:
            raise UnreadableImage(replies[0].problem)
        return replies if isinstance(question, list) else replies[0]

    @abstractmethod
    def stream(self, questions: Sequence[ImageQuestion]) -> Iterator[Reply]:
        """Answer questions in batches; one about an unreadable image comes with its problem.

        Args:
            questions: what to answer.

        Yields:
            Replies in the order of the questions.

        Raises:
            UserError: a question has no choices where the model needs some.
        """

    @abstractmethod
    def check_has_attention(self) -> None:
        """Make sure that there is attention to draw.

        Raises:
            UserError: the model has none.
        """

    @abstractmethod
    def draw(self, reply: Reply) -> Image.Image:
        """Draw the image, and the attention of each glimpse or before each word."""


@PREDICTORS.register("vqa")
class Answerer(QuestionPredictor):
    """A model that answers by a word of a list, loaded once."""

    model_class = VQAModel
    model: VQAModel

    def stream(self, questions: Sequence[ImageQuestion]) -> Iterator[Reply]:
        """See `QuestionPredictor`; an image that several questions of a batch are about is encoded once."""
        for start in range(0, len(questions), BATCH_SIZE):
            yield from self._batch(questions[start : start + BATCH_SIZE])

    def check_has_attention(self) -> None:
        """See `QuestionPredictor`."""
        if not self.model.head.has_attention:
            name = self.model.config.head["name"]
            raise UserError(f"{self.folder} holds a {name} head, which has no attention to draw.")

    def draw(self, reply: Reply) -> Image.Image:
        """Draw the image, and the attention of each glimpse, with the answer above the last one."""
        from captioner.insight.attention_map import draw_attention

        assert reply.encoder_view is not None
        assert reply.alphas_GL is not None
        assert self.model.encoder is not None
        titles = glimpse_titles(reply)
        return draw_attention(reply.encoder_view, titles, reply.alphas_GL, self.model.encoder.grid)

    def _batch(self, questions: Sequence[ImageQuestion]) -> list[Reply]:
        sources = list({one.name: one.source for one in questions}.items())
        (batch,) = self.read(sources, len(sources))
        images = {one.key: one.value for one in batch if one.value is not None}
        problems = {one.key: one.problem for one in batch if one.problem}
        good = [one for one in questions if one.name in images]
        replies = iter(self._answer(good, images) if good else ())
        return [
            next(replies) if one.name in images else Reply(one, [], None, None, problems[one.name])
            for one in questions
        ]

    @torch.inference_mode()
    def _answer(self, questions: list[ImageQuestion], images: dict[str, EncoderInput]) -> Iterator[Reply]:
        numbers = {name: b for b, name in enumerate(images)}
        about_N = [numbers[one.name] for one in questions]
        uses_image = self.model.encoder is not None
        pixels = [image.pixels[0] if uses_image else torch.empty(0) for image in images.values()]
        features_BLF = self.model.encode_images(pixels)
        logits_NV, alphas_NGL = self.model.ask(features_BLF, about_N, [one.question for one in questions])
        for n, one in enumerate(questions):
            alphas_GL = None if alphas_NGL is None else alphas_NGL[n].float().cpu().numpy()
            answers = self.model.predictions(logits_NV[n], self.n_best, one.choices)
            note = None if self.model.knows_a_word(one.question) else NO_KNOWN_WORD.format(one.question)
            view = images[one.name].view if uses_image else None
            yield Reply(one, answers, view, alphas_GL, None, note)


def glimpse_titles(reply: Reply) -> list[str]:
    """Return a title for each glimpse; the answer for the last one."""
    assert reply.alphas_GL is not None
    return [*(f"glimpse {number}" for number in range(1, len(reply.alphas_GL))), reply.answers[0].text]
