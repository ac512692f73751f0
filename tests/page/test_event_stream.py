"""Streams of events end with their client."""

import asyncio
import contextlib

import pytest
from starlette.requests import ClientDisconnect

from captioner.page.events import EventStream


@pytest.mark.parametrize("version", ["2.3", "2.4"])
def test_the_events_are_closed_when_a_client_goes_away_while_one_is_sent(version):
    """By the time the response returns, however a server of that version says that the client is gone."""
    closed = []

    async def events():
        try:
            while True:
                yield "step", {"number": 1}
        finally:
            closed.append(True)

    async def call():
        gone = asyncio.Event()

        async def receive():
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            if message.get("body"):
                gone.set()
                if version == "2.4":
                    raise OSError
                await asyncio.sleep(60)

        scope = {"type": "http", "asgi": {"version": "3.0", "spec_version": version}}
        with contextlib.suppress(ClientDisconnect):
            await EventStream(events())(scope, receive, send)
        return list(closed)

    assert asyncio.run(call()) == [True]
