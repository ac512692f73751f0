"""Decode images of any kind.      H height, W width."""

from contextlib import AbstractContextManager, nullcontext
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from captioner.errors import UserError
from captioner.image_formats import FORMATS, first_bytes, missing_package, register_formats
from captioner.packed_image import PackedImage
from captioner.pillow import from_array, quiet_pillow, to_rgb, upright

ImageSource = str | Path | bytes | PackedImage | Image.Image | NDArray[Any]
"""A file, a file's bytes, an image inside a larger file, a PIL image, or an array of pixels: (H, W) grey,
(H, W, 3) or (H, W, 4) RGB(A)."""

MAX_PIXELS = 178_956_970  # half a gigabyte of RGB, where Pillow's own refusal lies
MAX_SIDE = 65_535  # pixels; a longer side makes rows or columns that cost gigabytes for a few pixels

WHOLE_SIZE = "whole size"
"""Where a decoded image keeps the size of its source, if it is smaller."""

register_formats()


class UnreadableImage(UserError):  # noqa: N818 (a mistake of the data, read as a noun)
    """An image that is missing, empty, broken or too large; the message names it and the reason."""


def load_image(source: ImageSource, min_side: int | None = None) -> Image.Image:
    """Decode an image: RGB, upright, its first frame, on white if transparent.

    16-bit greys keep their upper eight bits; floats are taken to range to the smallest of 1, 255 and 65535
    that holds their maximum.

    Args:
        source: a file, bytes of one, a part of one, a PIL image, or an array (see `pillow.from_array`).
        min_side: pixels that each side must keep. A JPEG whose sides are many times as long is decoded at
            1/2, 1/4 or 1/8 of its size, which takes a fraction of the time.

    Returns:
        A new image; changes of it do not reach the source. `whole_size` tells the size of the source.

    Raises:
        UnreadableImage: the source holds no image.
    """
    try:
        with quiet_pillow(), _open(source) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            if max(picture.size) > MAX_SIDE:
                raise ValueError(f"a side is longer than {MAX_SIDE:,} pixels")
            size = picture.size
            if min_side is not None and picture.format == "JPEG" and picture is not source:
                picture.draft(None, (min_side, min_side))
            picture.load()
            image = upright(picture, to_rgb(picture))
            for key in (WHOLE_SIZE, "exif"):  # what is left would turn it again
                image.info.pop(key, None)
            if picture.format == "JPEG" and picture.size != size:
                image.info[WHOLE_SIZE] = upright(picture, Image.new("1", size)).size
            return image
    # A broken file can fail anywhere in a decoder, with any exception.
    except Exception as error:
        name, reason = image_name(source), _reason(source, error)
        raise UnreadableImage(f"The picture {name} cannot be read: {reason}.") from None


def whole_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height of the source of an image that `load_image` gave."""
    width, height = image.info.get(WHOLE_SIZE, image.size)
    return width, height


def image_name(source: ImageSource) -> str:
    """Return the name of a source in messages."""
    match source:
        case bytes():
            return f"of {len(source)} bytes"
        case Image.Image():
            return f"of {source.width} x {source.height} pixels"
        case np.ndarray():
            return f"of the array {' x '.join(map(str, source.shape))}"
    return str(source)


def picture_size(source: ImageSource) -> tuple[int, int]:
    """Return width and height of the upright image, from the header of an image that can be read."""
    with quiet_pillow(), _open(source) as picture:
        if picture.format == "TIFF":  # Pillow turns it, and gives the upright size before it is loaded
            return picture.size
        return upright(picture, Image.new("1", picture.size)).size


def _open(source: ImageSource) -> AbstractContextManager[Image.Image]:
    match source:
        case Image.Image():
            return nullcontext(source)  # left open
        case np.ndarray():
            return from_array(source)
        case bytes():
            return Image.open(BytesIO(source), formats=FORMATS)
        case PackedImage():
            return Image.open(BytesIO(source.read()), formats=FORMATS)
    path = Path(source)
    if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe would be waited for
        raise OSError("it is no regular file")
    return Image.open(source, formats=FORMATS)


def _reason(source: ImageSource, error: Exception) -> str:
    match error:
        case FileNotFoundError():
            return "there is no such file"
        case Image.DecompressionBombError():
            return f"it has more than {MAX_PIXELS / 1e6:.0f} million pixels"
        case UnidentifiedImageError():
            content = source.read() if isinstance(source, PackedImage) else source
            start = first_bytes(content if isinstance(content, bytes) else Path(str(content)))
            return (
                missing_package(start) or f"it is not one of {', '.join(FORMATS)}" if start else "it is empty"
            )
        case OSError(strerror=str(reason)):
            return reason[:1].lower() + reason[1:]
    return str(error).strip().rstrip(".") or type(error).__name__
