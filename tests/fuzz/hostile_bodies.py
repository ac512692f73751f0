"""Bodies with something wrong in them: fields, pictures, JSON."""

import json
import struct
import zlib
from collections.abc import Iterable
from io import BytesIO
from random import Random
from typing import NamedTuple
from urllib.parse import urlencode

from PIL import Image

from captioner.page.search_fields import describe_options, search_field_names
from fuzz.damage import ODD_TEXT, ODD_VALUES

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
NEEDED = {
    "/api/caption": [("picture", "scene-1")],
    "/api/search": [("picture", "scene-1")],
    "/api/ask": [("picture", "scene-1"), ("question", "What color is the circle?")],
    "/api/sample": [("prompt", "1 times ")],
    "/api/read": [("text", "1 times 2 is 2.")],
}
OWN = {
    "/api/ask": ["question", "choice", "top", "model"],
    "/api/sample": ["prompt", "clamp", "n_best"],
    "/api/read": ["text", "layer", "model"],
}
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
            [b"", b"\0", b"\r\n", b"--b", rng.randbytes(4), any_text(rng).encode("utf-8", "replace")]
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


def any_text(rng: Random) -> str:
    """A value that some option takes, or an odd one."""
    return rng.choice(USUAL if rng.random() < 0.6 else ODD_TEXT)


def _fields(rng: Random, target: str) -> list[tuple[str, str]]:
    """Fields of an endpoint, most of them, with usual and odd values."""
    some = rng.choice([search_field_names(), OWN.get(target, NAMES), [*NAMES, "odd", "", "image[]"]])
    fields = [(name, any_text(rng)) for name in rng.choices(some, k=rng.choice([1, 1, 2, 3, 120]))]
    return fields + NEEDED.get(target, []) * rng.choice([0, 1, 1, 1, 1, 2])


def any_form(rng: Random) -> HostileRequest:
    target = rng.choice(POSTS)
    fields = _fields(rng, target)
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


def any_options(rng: Random) -> HostileRequest:
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
    fields = [(key, value if rng.random() < 0.9 else any_text(rng)) for key, value in fields]
    fields += [("search", search), ("n_best", rng.choice("1112"))]
    target = rng.choice(["/api/caption", "/api/caption", "/api/search", "/api/sample"])
    about = [("prompt", "1 t")] if target == "/api/sample" else [("picture", "scene-1")]
    return HostileRequest(
        "options", post(target, "multipart/form-data; boundary=b", multipart(fields + about))
    )


def any_picture(rng: Random) -> HostileRequest:
    target = rng.choice(["/api/caption", "/api/pictures", "/api/search", "/api/ask"])
    fields = [one for one in NEEDED.get(target, []) if one[0] != "picture"]
    if target == "/api/caption" and rng.random() < 0.5:
        fields = [("n_best", "2"), ("search", rng.choice(["beam", "greedy", "exact"]))]
    body = multipart(fields, picture(rng), rng.choice(["image"] * 5 + ["picture", "x"]))
    return HostileRequest("picture", post(target, "multipart/form-data; boundary=b", body))


def any_json(rng: Random, session: str) -> HostileRequest:
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
