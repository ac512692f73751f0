"""Search step by step: start a search, run it with words forced or banned, forget it."""

import time
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from captioner.errors import UserError
from captioner.insight.search_tree import search_steps
from captioner.page.caption_request import read_caption_request
from captioner.page.events import EventStream
from captioner.page.forms import read_form
from captioner.page.json_bodies import read_json
from captioner.page.model_thread import Stopped
from captioner.page.page import Page, page_of
from captioner.page.refusals import refuse_unknown
from captioner.page.search_session import SearchSession, TimedIntervention, read_interventions

if TYPE_CHECKING:
    pass


async def start_search(request: Request) -> JSONResponse:
    """Start a search for one picture."""
    page = page_of(request)
    asked = await read_caption_request(page, await read_form(request))
    policy = asked.captioner.search.policy(asked.captioner.n_best)  # refuses a search that has no steps
    image = await page.thread.call(_read, asked.captioner, asked.picture.data)
    session = page.searches.add(SearchSession(asked.captioner, image))
    about = asked.to_json(page.pictures.keep(asked.picture), image.size)
    return JSONResponse({"session": session, **about, "groups": policy.num_groups}, 201)


def _read(captioner: Any, data: bytes) -> Any:
    """Decode a picture, in the model thread as for captions."""
    from captioner.images import load_image

    return captioner.prepare(load_image(data, captioner.min_side))


async def run_search(request: Request) -> Response:
    """Send every step of a search, and its captions."""
    page = page_of(request)
    session = page.searches.get(request.path_params["session"])
    fields = await read_json(request)
    refuse_unknown(fields, ("interventions",))
    interventions = read_interventions(fields.get("interventions", []), session.captioner)
    return EventStream(_steps(page, session, interventions))


async def remove_search(request: Request) -> Response:
    """Forget a search."""
    page_of(request).searches.remove(request.path_params["session"])
    return Response(status_code=204)


async def _steps(
    page: Page, session: SearchSession, interventions: Sequence[TimedIntervention]
) -> AsyncGenerator[tuple[str, dict[str, Any]]]:
    deadline = time.monotonic() + page.settings.max_seconds
    words = session.captioner.model.vocabulary.words
    number = 0
    state = await page.thread.call(session.state, 0, interventions)
    while (chosen := await page.thread.call(session.step, number + 1, interventions)) is not None:
        number, (state, events) = number + 1, chosen
        (step,) = search_steps(events, words)
        yield "step", step
        if time.monotonic() > deadline:
            raise Stopped
    if interventions and (late := interventions[-1].time) > number:
        raise UserError(f"The search ends before word {late}: nothing can be changed there.")
    captions = await page.thread.call(session.finish, state)
    yield "result", {"captions": [one.to_json() for one in captions]}
