"""Refuse what is not asked by the page itself or by its user, before any of it is handled."""

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from captioner.page.bodies import BodyBudget, read_body, replay
from captioner.page.hosts import HostRules
from captioner.page.refusals import Refused
from captioner.page.settings import PageSettings

METHODS = ("GET", "HEAD", "POST", "DELETE")
SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}
"""No script or style of the page's own is inline, and nothing is asked of another server."""
NO_TOKEN = (
    "This page asks for a token: open the whole address that `captioner serve` printed when it started."
)


class RequestGuard:
    """ASGI middleware that checks who asks, and how much is sent, before the application is called.

    The application gets bodies that have arrived as a whole and are within the limits. All responses get the
    headers that keep a browser from mixing the page with those of other sites. Nothing is shared with other
    origins (CORS).

    Args:
        app: the application.
        settings: of the server. One that others can reach must have a token.
    """

    def __init__(self, app: ASGIApp, settings: PageSettings) -> None:
        if not settings.is_local and not settings.token:
            raise ValueError(f"a server on {settings.host} needs a token")
        self._app = app
        self._settings = settings
        self._hosts = HostRules(settings.host)
        self._budget = BodyBudget(settings.max_bodies)
        self._cookie = f"captioner_token_{settings.port}"  # browsers share cookies among the ports of a host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on; see the ASGI specification."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http":
            await self._app(scope, receive, send)
        else:
            await self._serve(scope, receive, _with_headers(send, scope["path"]))

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if redirect := self._check(scope):
                await redirect(scope, receive, send)
                return
            body = await read_body(scope, receive, self._settings, self._budget)
        except Refused as refused:
            await refused.response()(scope, receive, send)
            return
        if body is None:  # the client has gone
            return
        size = sum(map(len, body))
        try:
            await self._app(_without_ranges(scope), replay(body, receive), send)
        finally:
            self._budget.give_back(size)

    def _check(self, scope: Scope) -> Response | None:
        """Refuse by the head of the request; return a response where that is the whole answer."""
        headers = Headers(scope=scope)
        host = self._hosts.check_host(headers)
        if scope["method"] not in METHODS:
            allowed = ", ".join(METHODS)
            raise Refused(405, f"The methods here are {allowed}.", {"Allow": allowed})
        if scope["method"] in ("POST", "DELETE"):
            self._hosts.check_origin(headers, scope["scheme"], host)
        return self._check_token(scope, headers) if self._settings.token else None

    def _check_token(self, scope: Scope, headers: Headers) -> Response | None:
        """Refuse a request without the token; where the address has it, move it to a cookie."""
        asked = parse_token(scope["query_string"]) if scope["path"] == "/" else None
        if asked is not None and self._is_token(asked):
            response = RedirectResponse("/", 303, {"Cache-Control": "no-store"})
            secure = scope["scheme"] == "https"
            response.set_cookie(self._cookie, asked, secure=secure, httponly=True, samesite="strict")
            return response
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        given = [cookie_parser(line).get(self._cookie, "") for line in headers.getlist("cookie")]
        given += [bearer.strip()] if kind.lower() == "bearer" else []
        if not any(self._is_token(one) for one in given):
            raise Refused(403, NO_TOKEN)
        return None

    def _is_token(self, text: str) -> bool:
        """Compare in a time that does not depend on how much of the token is right."""
        wanted = self._settings.token or ""
        return hmac.compare_digest(text.encode(errors="replace"), wanted.encode())


def parse_token(query: bytes) -> str | None:
    """Return the token of the address `/?token=...`; None where there is none, or more than one."""
    try:
        values = parse_qs(query.decode("latin-1"), max_num_fields=10).get("token", [])
    except ValueError:
        return None
    return values[0] if len(values) == 1 else None


def _without_ranges(scope: Scope) -> Scope:
    """Return a request for a whole file: its files are small, and parts of them cost more than they save."""
    headers = [(name, value) for name, value in scope["headers"] if name not in (b"range", b"if-range")]
    return {**scope, "headers": headers}


def _with_headers(send: Send, path: str) -> Send:
    """Return `send` for responses that all have the headers of safety, and none that allows other origins."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message.get("headers", [])))
            for name in [*headers.keys()]:
                if name == "server" or name.startswith("access-control-"):
                    del headers[name]
            headers.update(SECURITY_HEADERS)
            if path.startswith("/api/"):
                headers["Cache-Control"] = "no-store"
            message = {**message, "headers": headers.raw}
        await send(message)

    return send_with_headers
