"""Pictures with damage: read, or refused with a sentence; never another exception, never endless."""

import struct
import zlib
from contextlib import suppress
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, features

from captioner.image_reader import read_images
from captioner.images import MAX_SIDE, UnreadableImage, load_image, picture_size
from fuzz.damage import damaged_bytes

FORMATS = {
    "PNG": {},
    "JPEG": {},
    "GIF": {},
    "TIFF": {"compression": "tiff_lzw"},
    "BMP": {},
    "PPM": {},
    "WEBP": {},
    "JPEG2000": {},
}
MODES = ("RGB", "L", "RGBA", "P", "1", "I;16", "LA", "CMYK")


@pytest.fixture(scope="module")
def files():
    """A small picture in every format and mode that has one."""
    pixels = np.random.default_rng(2).integers(0, 256, (19, 23, 3), dtype=np.uint8)
    found = []
    for name, options in FORMATS.items():
        if name == "WEBP" and not features.check("webp"):
            continue
        for mode in MODES:
            stream = BytesIO()
            with suppress(OSError, ValueError, KeyError):
                Image.fromarray(pixels).convert("L" if mode == "I;16" else mode).save(stream, name, **options)
                found.append(stream.getvalue())
    assert len(found) > 20
    return found


@given(number=st.integers(0, 10**6), data=st.data())
def test_damaged_files(files, number, data):
    """A picture that is read has pixels; the next ones of a job are not disturbed."""
    whole = files[number % len(files)]
    broken = data.draw(damaged_bytes(data.draw(damaged_bytes(whole))))
    with suppress(UnreadableImage):
        image = load_image(broken)
        assert image.mode == "RGB"
        assert 0 < max(image.size) <= MAX_SIDE
        assert picture_size(broken) == image.size
    read = list(read_images([("broken", broken), ("whole", whole)], lambda _, image: image.size))
    assert [one.key for one in read] == ["broken", "whole"]
    assert read[1].value == (23, 19)


@given(st.binary(max_size=300))
def test_any_bytes(content):
    with suppress(UnreadableImage):
        load_image(content)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.sampled_from([0, 2, 3, 4, 6]))
def test_any_size_in_the_header_of_a_png(width, height, colours):
    """The sides are checked before room is made for the pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, colours, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    with suppress(UnreadableImage):
        load_image(b"\x89PNG\r\n\x1a\n" + chunk)
