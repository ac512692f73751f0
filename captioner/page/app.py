"""Build the web application: routes, refusals, static files."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from captioner.errors import UserError
from captioner.insight.saved_page import VIEWS
from captioner.page.cancellation import stops_with_client
from captioner.page.endpoints.ask import ask
from captioner.page.endpoints.caption import caption
from captioner.page.endpoints.models import list_models, show_model
from captioner.page.endpoints.pictures import add_picture, show_picture
from captioner.page.endpoints.save import save
from captioner.page.endpoints.search import remove_search, run_search, start_search
from captioner.page.endpoints.text import read, sample
from captioner.page.model_thread import Busy, Stopped
from captioner.page.page import Page
from captioner.page.refusals import BUSY, RETRY_SECONDS, TOO_LONG, Refused
from captioner.page.request_guard import RequestGuard
from captioner.page.settings import PageSettings

STATIC = Path(__file__).with_name("static")


def create_app(settings: PageSettings) -> Starlette:
    """Build the application of a server.

    Args:
        settings: of the server.

    Returns:
        The application; its model thread ends with it.

    Raises:
        UserError: a model that is named cannot be used.
    """
    page = Page(settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        loading = asyncio.create_task(page.load_first())
        yield
        loading.cancel()
        page.thread.close()

    app = Starlette(
        routes=[
            *API,
            Mount("/views", StaticFiles(directory=VIEWS)),
            Mount("/", StaticFiles(directory=STATIC, html=True)),
        ],
        middleware=[Middleware(RequestGuard, settings=settings)],
        exception_handlers={
            UserError: _mistake,
            Busy: _busy,
            Stopped: _stopped,
            HTTPException: _http,
        },
        lifespan=lifespan,
    )
    app.state.page = page
    return app


API = [
    Route("/api/models", list_models),
    Route("/api/models/{model}", show_model),
    Route("/api/pictures", add_picture, methods=["POST"]),
    Route("/api/pictures/{picture}", show_picture),
    Route("/api/caption", stops_with_client(caption), methods=["POST"]),
    Route("/api/search", stops_with_client(start_search), methods=["POST"]),
    Route("/api/search/{session}/run", run_search, methods=["POST"]),
    Route("/api/search/{session}", remove_search, methods=["DELETE"]),
    Route("/api/ask", stops_with_client(ask), methods=["POST"]),
    Route("/api/read", stops_with_client(read), methods=["POST"]),
    Route("/api/sample", stops_with_client(sample), methods=["POST"]),
    Route("/api/save", save, methods=["POST"]),
]


async def _mistake(_: Request, mistake: Exception) -> Response:
    refused = mistake if isinstance(mistake, Refused) else Refused(400, str(mistake))
    return refused.response()


async def _busy(_: Request, busy: Exception) -> Response:
    return Refused(503, BUSY, {"Retry-After": str(RETRY_SECONDS)}).response()


async def _stopped(_: Request, stopped: Exception) -> Response:
    return Refused(504, TOO_LONG).response()


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return Refused(error.status_code, f"{error.detail}.", error.headers).response()
