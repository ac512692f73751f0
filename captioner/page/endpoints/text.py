"""Read and write texts with a character model.      T symbols, H units."""

import asyncio
import base64
import math
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from captioner.errors import UserError
from captioner.insight.interpretable_cells.signals import read_held_unit
from captioner.page.events import EventStream
from captioner.page.forms import Form, read_form
from captioner.page.limits import TEXT, check_limits
from captioner.page.model_catalog import ModelEntry
from captioner.page.page import Page, page_of
from captioner.page.search_fields import search_changes_from, search_field_names
from captioner.ranges import BeamSize, NumLayers

if TYPE_CHECKING:
    from captioner.inference.generated_text import GeneratedText

READ_FIELDS = ("model", "text", "layer")
SAMPLE_FIELDS = ("model", "prompt", "n_best", "clamp")
EVENTS = "text/event-stream"
DIGITS = 5
FULL = 127
"""The byte that stands for 1 in the memory of units."""


class WritingRequest(NamedTuple):
    """A request for texts.

    Attributes:
        entry: the model.
        writer: a `Writer` with the search that is asked for.
        prompt: the beginning of the texts.
        settings: all options of the search.
    """

    entry: ModelEntry
    writer: Any
    prompt: str
    settings: dict[str, Any]


async def read(request: Request) -> JSONResponse:
    """Read a text: the surprise of each symbol, guesses of the next one, the memory of a layer."""
    from captioner.inference.text_reading import layer_sizes

    page, form = page_of(request), await read_form(request)
    form.refuse_unknown(READ_FIELDS)
    text, layer = _text_of(form, "text"), form.number("layer", NumLayers, None)
    entry = page.catalog.entry(form.text("model"), "text")
    writer = await page.predictor(entry)
    _check_length(writer, text, "text")
    found, seconds = await page.thread.call(_timed, partial(_read, writer.model, text, layer))
    about = {"model": entry.id, "layers": layer_sizes(writer.model), "seconds": seconds}
    return JSONResponse(about | found)


async def sample(request: Request) -> Response:
    """Write texts; a client that takes events gets one text piece by piece, where it is final so."""
    page, form = page_of(request), await read_form(request)
    asked = await _read_writing_request(page, form)
    if EVENTS in request.headers.get("accept", ""):
        return EventStream(_pieces(page, asked))
    written = await page.thread.call(_timed, partial(asked.writer.write, asked.prompt))
    return JSONResponse(_texts_to_json(asked, *written))


async def _read_writing_request(page: Page, form: Form) -> WritingRequest:
    from captioner.search.override import search_settings

    form.refuse_unknown((*SAMPLE_FIELDS, *search_field_names()))
    changes, n_best = search_changes_from(form.fields), form.number("n_best", BeamSize, 1)
    prompt = _text_of(form, "prompt")
    clamped: dict[tuple[int, int], float] = dict(read_held_unit(one, "clamp") for one in form.texts("clamp"))
    entry = page.catalog.entry(form.text("model"), "text")
    loaded = await page.predictor(entry)
    writer = loaded.changed(changes, n_best, clamped, page.thread.check)
    settings = search_settings(writer.search, writer.search_config["name"])
    check_limits("text", settings, n_best)
    if "seed" in settings and settings["seed"] is None:  # one that the client can ask for again
        settings["seed"] = secrets.randbelow(2**32)
        writer = loaded.changed(changes | {"seed": settings["seed"]}, n_best, clamped, page.thread.check)
    _check_length(writer, prompt, "prompt")
    writer.check_prompt(prompt)
    return WritingRequest(entry, writer, prompt, settings)


async def _pieces(page: Page, asked: WritingRequest) -> AsyncGenerator[tuple[str, dict[str, Any]]]:
    """The pieces of a text as it is written, then the whole answer."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[str | None]()

    def pass_on(piece: str) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, piece)

    on_text = pass_on if asked.writer.can_stream else None
    call = page.thread.call(_timed, partial(asked.writer.write, asked.prompt, on_text))
    writing = asyncio.ensure_future(call)
    writing.add_done_callback(lambda _: queue.put_nowait(None))
    try:
        while (piece := await queue.get()) is not None:
            if piece:
                yield "text", {"text": piece}
        yield "result", _texts_to_json(asked, *await writing)
    finally:  # the client may have gone: the search ends at its next symbol
        writing.cancel()


def _timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """Return the result of a function, and the seconds that it took."""
    started = time.perf_counter()
    found = function()
    return found, round(time.perf_counter() - started, 4)


def _text_of(form: Form, name: str) -> str:
    """A text with line feeds: browsers send a line's end in a form as CR LF, whatever was typed."""
    return form.text(name).replace("\r\n", "\n")


def _check_length(writer: Any, text: str, name: str) -> None:
    length = max(len(text), len(writer.model.alphabet.encode(text[: TEXT + 1])))
    if length > TEXT:
        raise UserError(f"The {name} has {length:,} symbols: the page takes {TEXT:,} at most.")


def _read(model: Any, text: str, layer: int | None) -> dict[str, Any]:
    """Read a text in the model thread."""
    import numpy as np

    from captioner.inference.text_reading import read_text
    from captioner.insight.interpretable_cells.suggestions import MEASURE, suggest_units

    found = read_text(model, text, layer)
    values_TH = np.nan_to_num(found.values_TH)
    characters = text.encode().decode("latin-1") if model.alphabet.unit == "bytes" else text
    bytes_TH = np.rint(values_TH.clip(-1, 1) * FULL).astype(np.int8)
    return {
        "symbols": found.symbols,
        "nats": _rounded(found.nats_T.tolist()),
        "guesses": [[(symbol, round(p, DIGITS)) for symbol, p in own] for own in found.guesses],
        "layer": found.signal.layer,
        "signal": found.signal.kind,
        "values": base64.b64encode(bytes_TH.tobytes()).decode("ascii"),
        "suggestions": [
            {
                "unit": one.unit,
                "label": one.label,
                "score": round(abs(one.correlation), DIGITS),
                "correlation": round(one.correlation, DIGITS),
            }
            for one in suggest_units(values_TH, characters)
        ],
        "measure": MEASURE,
    }


def _texts_to_json(
    asked: WritingRequest, written: "Iterable[GeneratedText]", seconds: float
) -> dict[str, Any]:
    texts = [
        {
            "text": one.text,
            "symbols": one.words,
            "log_prob": one.log_prob,
            "nats": _rounded(-log_prob for log_prob in one.word_log_probs),
        }
        for one in written
    ]
    about = {"prompt": asked.prompt, "model": asked.entry.id, "settings": asked.settings}
    return {"texts": texts, **about, "seconds": seconds}


def _rounded(values: Iterable[float]) -> list[float | None]:
    """Round numbers; None where one is not finite."""
    return [round(value, DIGITS) if math.isfinite(value) else None for value in values]
