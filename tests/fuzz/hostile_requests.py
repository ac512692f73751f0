"""Requests with something wrong in them, as bytes that are sent to a server."""

import json
import struct
import zlib
from collections.abc import Callable, Iterable
from io import BytesIO
from random import Random
from typing import NamedTuple
from urllib.parse import quote, urlencode

from PIL import Image

from captioner.page.search_fields import describe_options, search_field_names
from fuzz.damage import ODD_TEXT, ODD_VALUES

MAX_BODY = 300_000  # of the server that is asked
USUAL = [
    *"01235",
    "0.5",
    "1.5",
    "40",
    "true",
    "false",
    "beam",
    "diverse",
    "mbr",
    "sample",
    "mean",
    "bleu",
    "red a",
]
POSTS = ("/api/caption", "/api/search", "/api/ask", "/api/sample", "/api/read", "/api/pictures", "/api/save")
NAMES = [
    "image",
    "picture",
    "model",
    "n_best",
    "question",
    "choice",
    "top",
    "prompt",
    "text",
    "layer",
    "clamp",
]
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
TYPES = [
    *(
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b",
        "text/plain",
    ),
    *(
        "",
        "multipart/form-data",
        "multipart/form-data; boundary=" + "b" * 100,
        "application/json; charset=utf-16",
    ),
    *(
        "multipart/form-data; boundary=\xff",
        "multipart/mixed; boundary=b",
        "image/png",
        'multipart/form-data; "',
    ),
]


class HostileRequest(NamedTuple):
    """What is sent, and whether it is HTTP, so that an answer of the application is due."""

    kind: str
    sent: bytes
    is_http: bool = True


def head(method: str, target: str, headers: Iterable[str] = (), host: str = "Host: localhost") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", host, "Connection: close", *headers]
    return "\r\n".join(line for line in lines if line).encode("latin-1", "replace") + b"\r\n\r\n"


def post(target: str, content_type: str, body: bytes) -> bytes:
    return head("POST", target, [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]) + body


def multipart(fields: list[tuple[str, str]], image: bytes | None = None, name: str = "image") -> bytes:
    parts = [f'Content-Disposition: form-data; name="{key}"\r\n\r\n{value}' for key, value in fields]
    found = [part.encode("utf-8", "surrogatepass") for part in parts]
    if image is not None:
        head = f'Content-Disposition: form-data; name="{name}"; filename="../../x.png"\r\n\r\n'
        found.append(head.encode() + image)
    return b"".join(b"--b\r\n" + part + b"\r\n" for part in found) + b"--b--\r\n"


def damaged(rng: Random, content: bytes) -> bytes:
    """Cut some bytes out, and put others there."""
    for _ in range(rng.choice([1, 1, 2, 5])):
        start = rng.randrange(len(content) + 1)
        end = rng.choice([start, start + 1, start + rng.randrange(9), len(content)])
        odd = rng.choice(
            [b"", b"\0", b"\r\n", b"--b", rng.randbytes(4), _text(rng).encode("utf-8", "replace")]
        )
        content = content[:start] + odd + content[end:]
    return content


def picture(rng: Random) -> bytes:
    """A picture that is small, damaged, of an odd form, or a bomb."""
    file = BytesIO()
    size = rng.choice([(40, 30), (1, 1), (1, 300), (300, 1), (64, 64)])
    mode = rng.choice(["RGB", "RGBA", "L", "P", "1", "I;16", "CMYK"])
    kind = {"RGBA": "PNG", "I;16": "PNG", "CMYK": "TIFF"}.get(mode, rng.choice(["PNG", "JPEG", "GIF", "BMP"]))
    Image.new("RGB" if kind == "JPEG" else mode, size).save(file, kind)
    whole = file.getvalue()
    bomb = png(rng.choice([2**31 - 1, 60_000, 7000, 0]), rng.choice([60_000, 7000, 1, 0]))
    return rng.choice([whole, whole, damaged(rng, whole), damaged(rng, whole), bomb, b"", rng.randbytes(200)])


def png(width: int, height: int) -> bytes:
    """A header that promises pixels, and few of them."""
    chunks = [
        b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0),
        b"IDAT" + zlib.compress(bytes(9)),
    ]
    framed = [struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def _text(rng: Random) -> str:
    """A value that some option takes, or an odd one."""
    return rng.choice(USUAL if rng.random() < 0.6 else ODD_TEXT)


def _fields(rng: Random) -> list[tuple[str, str]]:
    """Fields, most of them of some endpoint, with odd values."""
    some = rng.choice([search_field_names(), search_field_names(), [*NAMES, "odd", "", "image[]"]])
    fields = [(name, _text(rng)) for name in rng.choices(some, k=rng.choice([1, 1, 2, 3, 120]))]
    return fields + [("picture", "scene-1")] * rng.choice([0, 1, 1, 1, 1, 2])


def _form(rng: Random) -> HostileRequest:
    target, fields = rng.choice([*POSTS, "/api/caption", "/api/search"]), _fields(rng)
    encoded = [(key, value.encode("utf-8", "surrogatepass")) for key, value in fields]
    bodies = [
        ("application/x-www-form-urlencoded", urlencode(encoded).encode()),
        ("application/x-www-form-urlencoded", damaged(rng, urlencode(encoded).encode())),
        ("multipart/form-data; boundary=b", multipart(fields)),
        ("multipart/form-data; boundary=b", damaged(rng, multipart(fields))),
        ("application/json", json.dumps(dict(fields)).encode()),
        (rng.choice(TYPES), multipart(fields)),
    ]
    return HostileRequest("form", post(target, *rng.choice(bodies)))


def _options(rng: Random) -> HostileRequest:
    """Options of one search, most of them right, with extreme values among them."""
    of_type = {
        "int": ["1", "2", "3", "7", "20", "0", "50", "1000000000"],
        "float": ["0", "0.5", "1", "0.001", "1000", "1000000", "-0.0", "nan"],
        "bool": ["true", "false"],
        "words": ["a", "red a", "red red red red", "a,a,", "zebra"],
    }
    searches = sorted({name for option in describe_options() for name in option["searches"]})
    search = rng.choice(searches)
    own = [option for option in describe_options() if search in option["searches"]]
    chosen = rng.sample(own, rng.choice([1, 2, 4]))
    fields = [(one["key"], rng.choice(one["choices"] or of_type[one["type"]])) for one in chosen]
    fields = [(key, value if rng.random() < 0.9 else _text(rng)) for key, value in fields]
    fields += [("search", search), ("n_best", rng.choice("1112"))]
    target = rng.choice(["/api/caption", "/api/caption", "/api/search", "/api/sample"])
    about = [("prompt", "1 t")] if target == "/api/sample" else [("picture", "scene-1")]
    return HostileRequest(
        "options", post(target, "multipart/form-data; boundary=b", multipart(fields + about))
    )


def _picture(rng: Random) -> HostileRequest:
    fields = (
        [] if rng.random() < 0.5 else [("n_best", "2"), ("search", rng.choice(["beam", "greedy", "exact"]))]
    )
    body = multipart(fields, picture(rng), rng.choice(["image", "image", "image", "picture", "x"]))
    target = rng.choice(["/api/caption", "/api/pictures", "/api/search", "/api/ask"])
    return HostileRequest("picture", post(target, "multipart/form-data; boundary=b", body))


def _json(rng: Random, session: str) -> HostileRequest:
    one = {"time": 1, "kind": "force", "beam": 0, "token": 5}
    one[rng.choice([*one, "token", "time", "word", "odd"])] = rng.choice(
        [*ODD_VALUES, *range(12), "a", "red"]
    )
    valid = {"interventions": [one] * rng.choice([1, 2, 300])}
    shown = {"title": "t", "view": "caption", "data": {"captions": []}, "picture": "gull"}
    shown[rng.choice([*shown, "title", "odd"])] = rng.choice(ODD_VALUES)
    target, value = rng.choice([(f"/api/search/{session}/run", valid), ("/api/save", shown)])
    body = json.dumps(value).encode()
    deep = b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    body = rng.choice(
        [body, body, body, damaged(rng, body), json.dumps(rng.choice(ODD_VALUES)).encode(), deep]
    )
    kind = rng.choice(["application/json"] * 99 + TYPES)
    return HostileRequest("json", post(target, kind, body))


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


def hostile_requests(seed: int, number: int, session: str) -> list[HostileRequest]:
    """Return requests of all kinds; `session` is a search that the server has."""
    rng = Random(seed)
    sessions = [session, session, "none", "%00"]
    kinds: list[Callable[[Random], HostileRequest]] = [_form, _options, _picture, _path, _header, _method]
    kinds += [_chunked, _size, _no_http, lambda rng: _json(rng, rng.choice(sessions))]
    return [kinds[n % len(kinds)](rng) for n in range(number)]
