"""Send pictures to the page, and read the events that it sends."""

import io
import json

import numpy as np
from PIL import Image


def events_of(response) -> list[tuple[str, dict]]:
    """The events of a stream, in order: names and objects."""
    assert response.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in response.text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines())
        found.append((lines["event"], json.loads(lines["data"])))
    return found


def random_png() -> bytes:
    """A PNG of 37 x 23 random pixels."""
    pixels = np.random.default_rng(5).integers(0, 256, (23, 37, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
