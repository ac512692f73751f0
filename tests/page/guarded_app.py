"""An application behind the guard that answers with the size of the body, and clients of it."""

import asyncio

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from captioner.page.request_guard import METHODS, RequestGuard
from captioner.page.settings import PageSettings

EVERY_METHOD = [*METHODS, "PUT", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"]


async def echo(request: Request) -> JSONResponse:
    headers = {"Server": "me", "Access-Control-Allow-Origin": "*", "Cache-Control": "max-age=60"}
    return JSONResponse({"size": len(await request.body())}, headers=headers)


def guarded(**changes) -> RequestGuard:
    routes = [Route(path, echo, methods=EVERY_METHOD) for path in ("/", "/{path:path}")]
    return RequestGuard(Starlette(routes=routes), PageSettings(**changes))


def client(asked="localhost:8000", **changes) -> TestClient:
    return TestClient(guarded(**changes), base_url=f"http://{asked}", follow_redirects=False)


def exchange(app, headers=(), messages=(), **scope):
    """Call an application with headers and messages as a broken client sends them; return what it sends."""
    sent = []
    waiting = [*messages]

    async def receive():
        if waiting:
            return waiting.pop(0)
        return await asyncio.sleep(60)

    async def send(message):
        sent.append(message)

    whole = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": "/api/models",
        "query_string": b"",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        **scope,
    }
    asyncio.run(app(whole, receive, send))
    return sent


def status(sent) -> int:
    return sent[0]["status"]


def part(body=b"", more=False):
    return {"type": "http.request", "body": body, "more_body": more}


def assert_refused(response, code, says):
    assert response.status_code == code
    (key,) = response.json()
    assert key == "error"
    assert says in response.json()["error"]
