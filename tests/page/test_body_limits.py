"""Bodies are bounded in size and time before the application sees them."""

import asyncio

import pytest
from guarded_app import assert_refused, client, exchange, guarded, part, status

from captioner.page.request_guard import RequestGuard
from captioner.page.settings import PageSettings

HOST = ("host", "localhost")
SCOPE = {"type": "http", "method": "POST", "scheme": "http", "path": "/api/caption", "query_string": b""}


class Untouched:
    """An application that must not be called."""

    async def __call__(self, scope, receive, send):
        raise AssertionError("called")


def post(messages, *headers, **changes):
    return exchange(guarded(**changes), [HOST, *headers], messages, method="POST")


def test_a_length_beyond_the_limit_is_refused_before_anything_is_read():
    sent = post([], ("content-length", "1001"), max_body=1000)  # nothing to receive: reading would hang
    assert status(sent) == 413
    assert b"larger than 0.001 MB" in sent[1]["body"]


@pytest.mark.parametrize("length", ["9" * 19, "9" * 5000, "1" + "0" * 400])
def test_a_length_beyond_all_numbers_is_refused(length):
    assert status(post([], ("content-length", length))) == 413


@pytest.mark.parametrize("lengths", [["-1"], ["1.0"], ["0x1"], [""], ["+5"], ["5", "5"], ["1e3"], ["²"]])
def test_a_length_that_is_no_number_is_refused(lengths):
    assert status(post([part(b"hello")], *[("content-length", length) for length in lengths])) == 400


def test_a_body_within_the_limit_arrives_whole():
    local = client(max_body=1000)
    assert local.post("/api/caption", content=b"x" * 1000).json() == {"size": 1000}
    assert local.post("/api/caption", content=iter([b"x" * 400, b"", b"x" * 600])).json() == {"size": 1000}
    assert local.post("/api/caption").json() == {"size": 0}
    assert_refused(local.post("/api/caption", content=b"x" * 1001), 413, "0.001 MB")


def test_a_stream_is_cut_where_it_exceeds_the_limit():
    chunks = [part(b"x" * 300, True) for _ in range(4)]  # it never ends: reading on would hang
    assert status(post(chunks, ("transfer-encoding", "chunked"), max_body=1000)) == 413


def test_a_stream_longer_than_its_length_is_cut_at_the_limit():
    chunks = [part(b"x" * 300, True) for _ in range(4)]
    assert status(post(chunks, ("content-length", "10"), max_body=1000)) == 413


@pytest.mark.parametrize("chunks", [[], [part(b"x" * 10, True)]])
def test_a_body_that_does_not_arrive_is_given_up(chunks):
    sent = post(chunks, ("content-length", "1000"), body_seconds=0.02)
    assert status(sent) == 408
    assert b"within 0.02 seconds" in sent[1]["body"]
    assert (b"connection", b"close") in sent[0]["headers"]


def test_the_time_is_for_the_whole_body():
    """A byte now and then does not keep a request alive."""

    async def trickle():
        await asyncio.sleep(0.01)
        return part(b"x", True)

    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "scheme": "http", "path": "/", "query_string": b""}
    asyncio.run(guarded(body_seconds=0.05)({**scope, "headers": [(b"host", b"localhost")]}, trickle, send))
    assert status(sent) == 408


def test_a_client_that_goes_away_is_not_answered():
    sent = post([part(b"x", True), {"type": "http.disconnect"}])
    assert sent == []


def test_the_application_hears_when_the_client_goes():
    heard = []

    async def app(scope, receive, send):
        heard.extend([await receive() for _ in range(3)])

    guard = guarded()
    guard._app = app
    gone = {"type": "http.disconnect"}
    exchange(guard, [HOST], [part(b"a", True), part(b"b"), gone], method="POST")
    assert heard == [part(b"a", True), part(b"b"), gone]


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_other_methods_have_no_body(method):
    local = client()
    assert local.request(method, "/api/models", headers={"Content-Length": "0"}).status_code == 200
    response = local.request(method, "/api/models", content=b"x")
    assert response.status_code == 400
    if method != "HEAD":
        assert_refused(response, 400, f"A {method} request has no body.")
    streamed = exchange(
        guarded(), [HOST, ("transfer-encoding", "chunked")], [part(b"x", True)], method=method
    )
    assert status(streamed) == 400


@pytest.mark.parametrize(
    ("encoding", "code"), [("identity", 200), ("Identity", 200), ("gzip", 415), ("br", 415), ("x, gzip", 415)]
)
def test_bodies_are_not_compressed(encoding, code):
    response = client().post("/api/caption", content=b"x", headers={"Content-Encoding": encoding})
    assert response.status_code == code
    if code == 415:
        assert_refused(response, 415, "send it as it is")


def test_each_encoding_is_looked_at():
    headers = [("content-encoding", "identity"), ("content-encoding", "gzip")]
    assert status(post([part(b"x")], *headers)) == 415


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", [("host", "evil.example")]),
        ("OPTIONS", [HOST]),
        ("POST", [HOST, ("origin", "null")]),
        ("POST", [HOST, ("content-length", "99999999999")]),
        ("POST", [HOST, ("content-encoding", "gzip")]),
        ("GET", [HOST, ("content-length", "3")]),
    ],
)
def test_what_is_refused_does_not_reach_the_application(method, headers):
    guard = guarded()
    guard._app = Untouched()
    assert status(exchange(guard, headers, [part()], method=method)) >= 400


def test_bodies_under_way_are_bounded_together():
    """Two of 6 bytes do not fit into 10; a third one does once the first is answered."""
    release = asyncio.Event()
    answered = []

    async def slow(scope, receive, send):
        await release.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    guard = RequestGuard(slow, PageSettings(max_bodies=10))

    async def ask():
        messages = [part(b"abc", more=True), part(b"def")]

        async def receive():
            return messages.pop(0)

        async def send(message):
            if message["type"] == "http.response.start":
                answered.append(message["status"])

        headers = [(name.encode(), value.encode()) for name, value in (HOST,)]
        await guard({**SCOPE, "headers": headers}, receive, send)

    async def ask_all():
        first = asyncio.ensure_future(ask())
        await asyncio.sleep(0)
        await ask()
        assert answered == [503]
        release.set()
        await first
        await ask()

    asyncio.run(ask_all())
    assert answered == [503, 200, 200]
