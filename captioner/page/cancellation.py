"""Stop answering a client that has gone."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps

from starlette.requests import Request
from starlette.responses import Response

Endpoint = Callable[[Request], Awaitable[Response]]
CLIENT_GONE = 499  # what servers note; nobody reads it


def stops_with_client(endpoint: Endpoint) -> Endpoint:
    """Return an endpoint that is cancelled when its client goes away before the response starts."""

    @wraps(endpoint)
    async def answer(request: Request) -> Response:
        await request.body()  # later messages say whether the client is there
        answering = asyncio.ensure_future(endpoint(request))
        leaving = asyncio.ensure_future(_gone(request))
        try:
            await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
            return answering.result() if answering.done() else Response(status_code=CLIENT_GONE)
        finally:
            answering.cancel()
            leaving.cancel()

    return answer


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
