"""Read the body of a request as a whole, within limits of size and time."""

import asyncio
from collections import deque

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from captioner.page.refusals import BUSY, RETRY_SECONDS, Refused
from captioner.page.settings import PageSettings


class BodyBudget:
    """The bytes of all bodies that are in memory, bounded.

    Args:
        most: bytes.
    """

    def __init__(self, most: int) -> None:
        self._left = most

    def take(self, size: int) -> None:
        """Count bytes.

        Args:
            size: their number.

        Raises:
            Refused: there is no room for them now.
        """
        if size > self._left:
            raise Refused(503, BUSY, {"Retry-After": str(RETRY_SECONDS)})
        self._left -= size

    def give_back(self, size: int) -> None:
        """Count bytes no longer."""
        self._left += size


async def read_body(
    scope: Scope, receive: Receive, settings: PageSettings, budget: BodyBudget
) -> list[bytes] | None:
    """Read the body of a request.

    Args:
        scope: of the request.
        receive: brings the parts of the body.
        settings: the limits.
        budget: the bytes of the body are taken from it, unless there is no body in the end.

    Returns:
        The parts of the body; None: the client has gone before all of them came.

    Raises:
        Refused: it is too large, too slow, encoded, or of a method that has none.
    """
    _check_length(scope["method"], Headers(scope=scope), settings.max_body)
    try:
        async with asyncio.timeout(settings.body_seconds):
            return await _parts(scope["method"], receive, settings.max_body, budget)
    except TimeoutError:
        sentence = f"The request did not arrive within {settings.body_seconds:g} seconds."
        raise Refused(408, sentence, {"Connection": "close"}) from None


async def _parts(method: str, receive: Receive, max_body: int, budget: BodyBudget) -> list[bytes] | None:
    parts: list[bytes] = []
    size, whole = 0, False
    try:
        while not whole:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            part = message.get("body", b"")
            _check_size(method, size + len(part), max_body)
            budget.take(len(part))
            size += len(part)
            parts.append(part)
            whole = not message.get("more_body", False)
        return parts
    finally:
        if not whole:
            budget.give_back(size)


def _check_length(method: str, headers: Headers, max_body: int) -> None:
    """Refuse by what the head of the request says of its body."""
    for encoding in headers.getlist("content-encoding"):
        if encoding.strip().lower() not in ("", "identity"):
            raise Refused(415, f"The body is encoded as {encoding!r}: send it as it is.")
    lengths = headers.getlist("content-length")
    if len(lengths) > 1 or not all(one.isascii() and one.isdigit() for one in lengths):
        raise Refused(400, "The header Content-Length must be one whole number.")
    for one in lengths:
        digits = one.lstrip("0")
        _check_size(method, int(digits or 0) if len(digits) < 20 else max_body + 1, max_body)


def _check_size(method: str, size: int, max_body: int) -> None:
    if size and method != "POST":
        raise Refused(400, f"A {method} request has no body.")
    if size > max_body:
        raise Refused(413, f"The request is larger than {max_body / 1e6:g} MB.")


def replay(parts: list[bytes], receive: Receive) -> Receive:
    """Return a `receive` for a body that was read.

    Args:
        parts: of the body.
        receive: says later that the client has gone.

    Returns:
        A function that brings the parts, then what `receive` brings.
    """
    waiting = deque(parts)

    async def receive_again() -> Message:
        if not waiting:
            return await receive()
        return {"type": "http.request", "body": waiting.popleft(), "more_body": bool(waiting)}

    return receive_again
