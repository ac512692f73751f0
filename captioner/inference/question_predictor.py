"""The base of predictors that answer questions about images.      G glimpses, M maps, L locations."""

import copy
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from PIL import Image

from captioner.errors import UserError
from captioner.images import ImageSource, UnreadableImage, image_name
from captioner.inference.base import EncoderInput, ImagePredictor
from captioner.models.vqa import Prediction
from captioner.precision import Precision


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


class AttentionMaps(NamedTuple):
    """Attention over an image, map by map.

    Attributes:
        titles: of the maps: glimpses, or words.
        weights_ML: a numpy array; each map sums to one.
        encoder_view: the part of the image that the encoder sees, all of which the grid covers.
    """

    titles: list[str]
    weights_ML: Any
    encoder_view: Image.Image


class QuestionPredictor(ImagePredictor[Any]):
    """A predictor that answers questions. Subclasses are final.

    Args:
        folder: the model folder.
        n_best: answers a question.
        precision: as `ImagePredictor`.

    Raises:
        UserError: the folder holds no such model, or the device does not compute in the precision.
    """

    def __init__(self, folder: Path | str, n_best: int = 5, precision: Precision = "auto") -> None:
        super().__init__(folder, precision)
        self.n_best = n_best

    def changed(self, n_best: int) -> Self:
        """Return a predictor with the same loaded model that gives so many answers a question."""
        other = copy.copy(self)
        other.n_best = n_best
        return other

    @property
    def grid(self) -> tuple[int, int] | None:
        """Rows and columns of the locations of attention; None for a model that uses no image."""
        grid: tuple[int, int] | None = self.model.encoder and self.model.encoder.grid
        return grid

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
    def answer_batch(
        self, questions: Sequence[ImageQuestion], images: Mapping[str, EncoderInput]
    ) -> list[Reply]:
        """Answer questions about images that have been read.

        Args:
            questions: what to answer; their sources are not used.
            images: those of the questions, by name.

        Returns:
            Replies in the order of the questions.

        Raises:
            UserError: a question has no choices where the model needs some.
        """

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

    def check_question(self, question: ImageQuestion) -> None:
        """Make sure that a question can be answered, before its image is read.

        Args:
            question: what is to be answered.

        Raises:
            UserError: it is empty, or has no choices where the model needs some.
        """
        if not question.question.strip():
            raise UserError("The question is empty: there is nothing to answer.")

    @abstractmethod
    def check_has_attention(self) -> None:
        """Make sure that there is attention to draw.

        Raises:
            UserError: the model has none.
        """

    @abstractmethod
    def attention(self, reply: Reply, image: EncoderInput | None = None) -> AttentionMaps | None:
        """Return the attention of a reply: of each glimpse, or before each word.

        Args:
            reply: of this predictor.
            image: which it is about; None: where it is needed, it is read again.

        Returns:
            The maps; None where the model has no attention, or the image could not be read.
        """

    def draw(self, reply: Reply) -> Image.Image:
        """Draw the image, and the attention of each glimpse or before each word."""
        from captioner.insight.attention_map import draw_attention

        maps = self.attention(reply)
        assert maps is not None
        assert self.grid is not None
        return draw_attention(maps.encoder_view, maps.titles, maps.weights_ML, self.grid)
