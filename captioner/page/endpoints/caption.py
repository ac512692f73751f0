"""Caption a picture."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from captioner.errors import UserError
from captioner.page.caption_request import read_caption_request, search_key
from captioner.page.forms import read_form
from captioner.page.page import page_of


async def caption(request: Request) -> JSONResponse:
    """Caption one picture; requests with equal options are computed together."""
    page = page_of(request)
    with page.thread.expected():
        asked = await read_caption_request(page, await read_form(request))
    key = search_key(asked.captioner, asked.settings)
    found, size, seconds = await page.thread.batched(
        key, partial(_caption_all, asked.captioner), asked.picture.data
    )
    if found.problem:
        raise UserError(found.problem)
    answer = {
        "captions": [one.to_json() for one in found.captions],
        "unsure": found.unsure,
        "seconds": seconds,
    }
    return JSONResponse(asked.to_json(page.pictures.keep(asked.picture), size) | answer)


def _caption_all(captioner: Any, pictures: Sequence[bytes]) -> list[tuple[Any, tuple[int, int], float]]:
    """Caption pictures in the model thread; each with its size, and the seconds that all of them took.

    They are decoded here: a model that computes on all cores is slowed down by others that decode beside it.
    """
    from captioner.image_reader import read_images

    started = time.perf_counter()
    keyed = [("", data) for data in pictures]
    images = read_images(keyed, lambda _, image: captioner.prepare(image), captioner.min_side)
    captioned = captioner.caption_batch(images)
    seconds = round(time.perf_counter() - started, 4)
    sizes = [(0, 0) if one.value is None else one.value.size for one in images]
    return [(one, size, seconds) for one, size in zip(captioned, sizes, strict=True)]
