"""Answer a question about a picture.      M maps, L locations."""

import math
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from annotated_types import Ge, Le
from starlette.requests import Request
from starlette.responses import JSONResponse

from captioner.errors import UserError
from captioner.page.forms import Form, read_form
from captioner.page.limits import N_BEST
from captioner.page.page import page_of

if TYPE_CHECKING:
    from captioner.inference.base import EncoderInput
    from captioner.inference.question_predictor import (
        AttentionMaps,
        ImageQuestion,
        QuestionPredictor,
        Reply,
    )

FIELDS = ("image", "picture", "model", "question", "choice", "top")
Top = Annotated[int, Ge(1), Le(N_BEST)]
TOP = 5
QUESTION = 1000
"""Characters of a question, or of a choice."""
CHOICES = 50
DIGITS = 5


class AskedQuestion(NamedTuple):
    """A question, with its image as the encoder takes it."""

    question: "ImageQuestion"
    image: "EncoderInput"


class Answer(NamedTuple):
    """A reply, its attention if the model has any, and the seconds that its whole batch took."""

    reply: "Reply"
    maps: "AttentionMaps | None"
    seconds: float


async def ask(request: Request) -> JSONResponse:
    """Answer one question; those of one model that come together are answered together."""
    from captioner.inference.question_predictor import ImageQuestion

    page = page_of(request)
    with page.thread.expected():
        form = await read_form(request)
        form.refuse_unknown(FIELDS)
        text, choices = _question_of(form)
        top = form.number("top", Top, TOP)
        entry = page.catalog.entry(form.text("model"), "ask")
        predictor: QuestionPredictor = (await page.predictor(entry)).changed(top)
        predictor.check_question(ImageQuestion("", b"", text, choices))
        picture = await page.read_picture(form, predictor.min_side)
        image: EncoderInput = await page.prepare(predictor, picture.image)
        asked = AskedQuestion(ImageQuestion(picture.stored.id, picture.image, text, choices), image)
    answer = await page.thread.batched((entry.folder, top), partial(_answer_all, predictor), asked)
    about = {**picture.to_json(), "model": entry.id, "question": text}
    return JSONResponse(about | _view_to_json(predictor, image) | _answer_to_json(answer))


def _question_of(form: Form) -> tuple[str, list[str]]:
    """The question and its choices."""
    question, choices = form.text("question"), form.texts("choice")
    if max(map(len, (question, *choices))) > QUESTION:
        raise UserError(f"A question and each of its choices have {QUESTION:,} characters at most.")
    if len(choices) > CHOICES:
        raise UserError(f"A question has {CHOICES} choices at most, not {len(choices)}.")
    return question, choices


def _answer_all(predictor: "QuestionPredictor", asked: Sequence[AskedQuestion]) -> list[Answer]:
    """Answer questions in the model thread."""
    started = time.perf_counter()
    images = {one.question.name: one.image for one in asked}
    replies = predictor.answer_batch([one.question for one in asked], images)
    maps = [predictor.attention(reply, images[reply.question.name]) for reply in replies]
    seconds = round(time.perf_counter() - started, 4)
    return [Answer(reply, own, seconds) for reply, own in zip(replies, maps, strict=True)]


def _view_to_json(predictor: "QuestionPredictor", image: "EncoderInput") -> dict[str, Any]:
    """The grid of attention and the part of the picture that it covers; nothing where no image is used."""
    from captioner.regions import encoder_view_in_picture

    encoder = predictor.model.encoder
    if encoder is None:
        return {"grid": None, "view_box": None}
    return {"grid": encoder.grid, "view_box": encoder_view_in_picture(image.size, encoder.preprocessing)}


def _answer_to_json(answer: Answer) -> dict[str, Any]:
    reply = answer.reply
    if not all(math.isfinite(one.probability) for one in reply.answers):
        raise UserError("The model's scores are not numbers: its weights are broken.")
    return {
        "answers": [one._asdict() for one in reply.answers],
        "attention": None if answer.maps is None else _maps_to_json(answer.maps),
        "note": reply.note,
        "seconds": answer.seconds,
    }


def _maps_to_json(maps: "AttentionMaps") -> list[dict[str, Any]]:
    rows = maps.weights_ML.astype("float64").round(DIGITS).tolist()
    return [{"title": title, "weights": weights} for title, weights in zip(maps.titles, rows, strict=True)]
