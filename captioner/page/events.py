"""Send what grows as server-sent events."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Send

from captioner.errors import UserError
from captioner.page.model_thread import Busy, Stopped
from captioner.page.refusals import BUSY, TOO_LONG


class EventStream(StreamingResponse):
    """Named events, each with a JSON object; an error is the last one.

    Closes the generator of the events before it returns, also where the client goes away while an event is
    being sent: left to the garbage collector, it would end at a later turn of the event loop.
    """

    def __init__(self, events: AsyncGenerator[tuple[str, Mapping[str, Any]]]) -> None:
        self._lines = _lines(events)
        super().__init__(self._lines, media_type="text/event-stream")

    async def stream_response(self, send: Send) -> None:
        """Send the events."""
        async with aclosing(self._lines):
            await super().stream_response(send)


async def _lines(events: AsyncGenerator[tuple[str, Mapping[str, Any]]]) -> AsyncGenerator[str]:
    try:
        async with aclosing(events):
            async for name, data in events:
                yield _line(name, data)
    except UserError as mistake:
        yield _line("error", {"error": str(mistake)})
    except Busy:
        yield _line("error", {"error": BUSY})
    except Stopped:
        yield _line("error", {"error": TOO_LONG})


def _line(name: str, data: Mapping[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False, allow_nan=False)}\n\n"
