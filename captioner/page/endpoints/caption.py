"""Caption a picture."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from captioner.page.caption_request import read_caption_request, search_key
from captioner.page.forms import read_form
from captioner.page.page import page_of


async def caption(request: Request) -> JSONResponse:
    """Caption one picture; requests with equal options are computed together."""
    page = page_of(request)
    asked = await read_caption_request(page, await read_form(request))
    key = search_key(asked.captioner, asked.settings)
    found, seconds = await page.thread.batched(key, partial(_caption_all, asked.captioner), asked.image)
    answer = {
        "captions": [one.to_json() for one in found.captions],
        "unsure": found.unsure,
        "seconds": seconds,
    }
    return JSONResponse(asked.to_json() | answer)


def _caption_all(captioner: Any, images: Sequence[Any]) -> list[tuple[Any, float]]:
    """Caption images in the model thread; each with the seconds that all of them took."""
    from captioner.image_reader import ReadImage

    started = time.perf_counter()
    found = captioner.caption_batch([ReadImage("", image, None) for image in images])
    seconds = round(time.perf_counter() - started, 4)
    return [(one, seconds) for one in found]
