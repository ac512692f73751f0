"""Requests with something wrong in them, as bytes that are sent to a server."""

from collections.abc import Callable
from random import Random
from urllib.parse import quote

from fuzz.damage import ODD_TEXT
from fuzz.hostile_bodies import (
    POSTS,
    TYPES,
    HostileRequest,
    any_form,
    any_json,
    any_options,
    any_picture,
    damaged,
    head,
    multipart,
    picture,
    post,
)

MAX_BODY = 300_000  # of the server that is asked
ODD_IDS = [
    *("..", "../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "%00", "%ff%fe"),
    *(
        "..\\..\\windows",
        "/etc/passwd",
        "//evil.example/x",
        "a" * 3000,
        "%",
        "%zz",
        "?",
        "#",
        "gull.jpg",
        "~",
    ),
    *("gull%00.png", "CON", "none", "%F0%9F%90%95", ".", "con/../gull", "file:///etc/passwd", "null", "0"),
]
METHODS = [
    "PUT",
    "PATCH",
    "OPTIONS",
    "TRACE",
    "PROPFIND",
    "get",
    "X" * 300,
    "G\0T",
    "é",
    "",
    "GET GET",
    "PRI",
]
HEADERS = [
    *("Origin: null", "Origin: http://evil.example", "Sec-Fetch-Site: cross-site", "Host: evil.example"),
    *("Content-Encoding: gzip", "Transfer-Encoding: gzip, chunked", "Expect: 100-continue", "Expect: x"),
    *(
        "Content-Length: -1",
        "Content-Length: 1e3",
        "Content-Length: 99999999999999999999",
        "Content-Length: 7",
    ),
    *(
        "Authorization: Bearer x",
        "Cookie: captioner_token_8000=x; a; =; ;",
        "Upgrade: websocket",
        "Upgrade: h2c",
    ),
    *(
        "Range: bytes=0-0,1-1,2-2",
        "Range: bytes=9-1",
        "Range: x",
        "Range: bytes=" + "0-," * 3000,
        "If-Range: x",
    ),
    *("If-Modified-Since: x", "If-None-Match: " + "*" * 500, "X-Forwarded-Proto: \xff", "X-Forwarded-For: x"),
    *("Accept: text/event-stream", "Accept: " + "x," * 2000, "A" * 60_000 + ": x", "X: " + "y" * 70_000),
    *(
        "Host : localhost",
        "X\0: y",
        ": y",
        "X: a\0b",
        " folded: x",
        "Connection: upgrade",
        "Connection: close, x",
    ),
]


def _path(rng: Random) -> HostileRequest:
    odd = rng.choice([*ODD_IDS, *(quote(one.encode("utf-8", "replace")) for one in ODD_TEXT)])
    before = rng.choice(["/api/models/", "/api/pictures/", "/api/search/", "/", "/api/", "//", "/static/"])
    method = rng.choice(["GET", "HEAD", "DELETE", "POST"])
    target = before + odd + rng.choice(["", "", "/run", "?a=1&a=2", "/"])
    return HostileRequest("path", head(method, target), all("!" <= one <= "~" for one in target))


def _header(rng: Random) -> HostileRequest:
    headers = rng.sample(HEADERS, rng.choice([1, 1, 2, 4])) + rng.choice([[], [], ["X: y"] * 300])
    method, target = rng.choice([("GET", "/"), ("GET", "/api/models"), ("POST", "/api/caption")])
    host = rng.choice(
        ["Host: localhost"] * 6 + ["", "Host: evil.example", "Host: [::1", "Host: a\r\nHost: b"]
    )
    return HostileRequest("header", head(method, target, headers, host), False)


def _method(rng: Random) -> HostileRequest:
    target = rng.choice(["/", "/api/models", "/api/caption", "*", "http://evil.example/", "localhost:80"])
    return HostileRequest("method", head(rng.choice([*METHODS, "GET", "POST", "DELETE"]), target), False)


def _chunked(rng: Random) -> HostileRequest:
    body = multipart([("picture", "scene-1")], None if rng.random() < 0.5 else picture(rng))
    cuts = sorted(rng.choices(range(len(body)), k=3))
    chunks = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True) if a < b]
    stream = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in chunks)
    huge = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    ends = [b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"", b"-1\r\n", b"zz\r\n", b"f" * 40 + b"\r\n", huge * 6]
    start = head(
        "POST",
        "/api/caption",
        ["Content-Type: multipart/form-data; boundary=b", "Transfer-Encoding: chunked"],
    )
    return HostileRequest("chunked", start + stream + rng.choice(ends), False)


def _size(rng: Random) -> HostileRequest:
    """Too long, shorter than it says, longer than it says."""
    length = rng.choice([MAX_BODY + 1, MAX_BODY * 10, 100, 0])
    body = b"x" * rng.choice([0, 50, 100, MAX_BODY + 1])
    start = head(
        "POST", rng.choice(POSTS), [f"Content-Type: {rng.choice(TYPES)}", f"Content-Length: {length}"]
    )
    return HostileRequest("size", start + body)


def _no_http(rng: Random) -> HostileRequest:
    whole = post("/api/caption", "application/json", b'{"picture": "scene-1"}')
    odd = [
        rng.randbytes(300),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\r\n\r\n",
        b"\r\n" * 5000,
        b"\x16\x03\x01\2",
    ]
    odd += [
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET " + b"/" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"",
    ]
    return HostileRequest("no http", rng.choice([*odd, *[damaged(rng, whole)] * 9, *[whole * 3] * 3]), False)


def _gone(rng: Random, session: str) -> HostileRequest:
    """Of a client that does not wait for the answer."""
    run = post(f"/api/search/{session}/run", "application/json", b'{"interventions": []}')
    sent = rng.choice([run, run, any_options(rng).sent, any_picture(rng).sent, any_form(rng).sent])
    return HostileRequest("gone", sent, False)


def hostile_requests(seed: int, number: int, session: str) -> list[HostileRequest]:
    """Return requests of all kinds; `session` is a search that the server has."""
    rng = Random(seed)
    sessions = [session, session, "none", "%00"]
    kinds: list[Callable[[Random], HostileRequest]] = [
        any_form,
        any_options,
        any_picture,
        _path,
        _header,
        _method,
    ]
    kinds += [_chunked, _size, _no_http, lambda rng: any_json(rng, rng.choice(sessions))]
    kinds += [lambda rng: _gone(rng, session)]
    return [kinds[n % len(kinds)](rng) for n in range(number)]
