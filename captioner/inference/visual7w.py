"""Choose one of a question's choices with a trained model of Visual7W.      T words, L locations."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch

from captioner.data.questions.choices import MultipleChoiceQuestion, in_order
from captioner.errors import UserError
from captioner.image_reader import ReadImage
from captioner.images import ImageSource
from captioner.inference.base import PREDICTORS, EncoderInput
from captioner.inference.question_predictor import AttentionMaps, ImageQuestion, QuestionPredictor, Reply
from captioner.models.multiple_choice import MultipleChoiceModel, best_choice
from captioner.models.visual7w import TellingModel
from captioner.models.vqa import Prediction
from captioner.vocabulary import BOS

BATCH_SIZE = 32


class Chosen(NamedTuple):
    """How probable a model finds each choice of a question; or why it could not read the image.

    Attributes:
        question: what was asked.
        log_probs: of the choices, a word on average where they are words.
        problem: why the image could not be read, or None.
    """

    question: MultipleChoiceQuestion
    log_probs: list[float]
    problem: str | None

    @property
    def choice(self) -> str | None:
        """The most probable choice."""
        return self.question.choices[best_choice(self.log_probs)] if self.log_probs else None


@PREDICTORS.register("visual7w")
class Chooser(QuestionPredictor):
    """A model that chooses among answers or boxes, loaded once."""

    model_class = MultipleChoiceModel
    model: MultipleChoiceModel

    def choose(
        self, images: Mapping[str, ImageSource], questions: Mapping[str, Sequence[MultipleChoiceQuestion]]
    ) -> Iterator[Chosen]:
        """Choose for all questions about named images, image after image.

        Args:
            images: sources by name.
            questions: those about each image, by its name; no two have one id.

        Yields:
            The choices of each question; one about an unreadable image comes with its problem.
        """
        named = [(name, images[name]) for name in questions]
        for batch in self.read(named, BATCH_SIZE):
            yield from self._choose(batch, questions)

    def answer_batch(
        self, questions: Sequence[ImageQuestion], images: Mapping[str, EncoderInput]
    ) -> list[Reply]:
        """See `QuestionPredictor`."""
        by_image = self._by_image(questions)
        batch = [ReadImage(name, images[name], None) for name in by_image]
        return list(self._replies(questions, self._choose(batch, by_image)))

    def stream(self, questions: Sequence[ImageQuestion]) -> Iterator[Reply]:
        """See `QuestionPredictor`; probabilities are among the choices of a question."""
        found = self.choose({one.name: one.source for one in questions}, self._by_image(questions))
        yield from self._replies(questions, found)

    def check_has_attention(self) -> None:
        """See `QuestionPredictor`."""
        if not isinstance(self.model, TellingModel) or not self.model.decoder.has_attention:
            raise UserError(f"{self.folder} has no attention over words to draw.")

    def check_question(self, question: ImageQuestion) -> None:
        """See `QuestionPredictor`."""
        super().check_question(question)
        self._with_choices(0, question)

    @torch.inference_mode()
    def attention(self, reply: Reply, image: EncoderInput | None = None) -> AttentionMaps | None:
        """Return the attention before each word of the question and its best answer."""
        model = self.model
        if not isinstance(model, TellingModel) or not model.decoder.has_attention or reply.problem:
            return None
        assert model.encoder is not None
        if image is None:
            (((_, image, _),),) = self.read([(reply.question.name, reply.question.source)], 1)
        assert image is not None
        question = MultipleChoiceQuestion(0, reply.question.question, [reply.answers[0].text], [], 0)
        (sentence,) = model.question_encoder.sentences(question)
        read_T = torch.tensor(sentence.tokens[:-2], device=model.device)
        alphas_TL = model.attention(model.encode_images([image.pixels[0]]), read_T)
        times = [t for t, word in enumerate(sentence.tokens[1:-1]) if word != BOS]
        words = [model.vocabulary.words[sentence.tokens[t + 1]] for t in times]
        return AttentionMaps(words, alphas_TL[times].float().cpu().numpy(), image.view)

    def _by_image(self, questions: Sequence[ImageQuestion]) -> dict[str, list[MultipleChoiceQuestion]]:
        """The questions about each image, with their numbers as ids."""
        found: dict[str, list[MultipleChoiceQuestion]] = {}
        for number, one in enumerate(questions):
            found.setdefault(one.name, []).append(self._with_choices(number, one))
        return found

    def _choose(
        self,
        batch: Sequence[ReadImage[str, EncoderInput]],
        questions: Mapping[str, Sequence[MultipleChoiceQuestion]],
    ) -> Iterator[Chosen]:
        log_probs = self._score(batch, questions)
        for name, _, problem in batch:
            for one in questions[name]:
                yield Chosen(one, log_probs.get(one.question_id, []), problem)

    def _replies(self, questions: Sequence[ImageQuestion], found: Iterable[Chosen]) -> Iterator[Reply]:
        chosen = {one.question.question_id: one for one in found}
        for number, one in enumerate(questions):
            predictions = _predictions(chosen[number])
            yield Reply(one, predictions[: self.n_best], None, None, chosen[number].problem)

    @torch.inference_mode()
    def _score(
        self,
        batch: Sequence[ReadImage[str, EncoderInput]],
        questions: Mapping[str, Sequence[MultipleChoiceQuestion]],
    ) -> dict[int, list[float]]:
        images = {one.key: one.value for one in batch if one.value is not None}
        if not images:
            return {}
        uses_image = self.model.encoder is not None
        pixels = [image.pixels[0] if uses_image else torch.empty(0) for image in images.values()]
        features_BLF = self.model.encode_images(pixels)
        sizes = [image.size for image in images.values()]
        return self.model.score(features_BLF, sizes, [questions[name] for name in images])

    def _with_choices(self, number: int, one: ImageQuestion) -> MultipleChoiceQuestion:
        choices = list(dict.fromkeys(one.choices))
        if len(choices) < 2:
            raise UserError(f"{self.folder} holds a model that chooses: give it --choices, two or more.")
        boxes = [_box(text) for text in choices] if self.model.chooses_boxes else []
        return in_order(number, one.question, choices, boxes)


def _predictions(chosen: Chosen) -> list[Prediction]:
    probabilities = torch.tensor(chosen.log_probs).softmax(dim=0).tolist()
    pairs = zip(chosen.question.choices, probabilities, strict=False)
    return sorted((Prediction(text, p) for text, p in pairs), key=lambda one: -round(one.probability, 5))


def _box(text: str) -> list[float]:
    try:
        box = [float(part) for part in text.split(",")]
    except ValueError:
        box = []
    if len(box) != 4 or not all(map(math.isfinite, box)) or min(box[2:]) <= 0:
        raise UserError(f"{text!r} is not a place: give x,y,width,height in pixels, as in 40,25,30,30.")
    return box
