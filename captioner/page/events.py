"""Send what grows as server-sent events."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.responses import StreamingResponse

from captioner.errors import UserError
from captioner.page.model_thread import Busy, Stopped
from captioner.page.refusals import BUSY, TOO_LONG


def event_stream(events: AsyncIterator[tuple[str, Mapping[str, Any]]]) -> StreamingResponse:
    """Return a response of named events, each with a JSON object; an error is the last one.

    Args:
        events: names and objects.

    Returns:
        The response. It ends the iterator when the client goes away.
    """
    return StreamingResponse(_lines(events), media_type="text/event-stream")


async def _lines(events: AsyncIterator[tuple[str, Mapping[str, Any]]]) -> AsyncIterator[str]:
    try:
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
