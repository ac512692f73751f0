"""Convert images of any kind to upright 8-bit RGB, and silence Pillow's warnings.      H height, W width."""

import ctypes
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_ORIENTATION = 0x0112  # the EXIF tag; its values say how to turn the stored pixels upright
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def from_array(pixels: NDArray[Any]) -> Image.Image:
    """Return an array as an image of 8-bit grey, RGB or RGBA.

    Args:
        pixels: (H, W), (H, W, 3) or (H, W, 4). Floats range to the smallest of 1, 255 and 65535 that holds
            their maximum; uint16 to 65535; other integers to 255, or to 65535 where one is above 255.

    Returns:
        The image.

    Raises:
        ValueError: an array of another shape, or of no pixels.
    """
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise ValueError("an array of pixels is (H, W), (H, W, 3) or (H, W, 4)")
    if not pixels.size:
        raise ValueError("it has no pixels")
    if pixels.dtype != np.uint8:
        is_wide = not np.issubdtype(pixels.dtype, np.integer) or pixels.dtype == np.uint16
        is_wide = is_wide or pixels.max() > 255
        pixels = eight_bits(pixels) if is_wide else pixels.clip(0).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(pixels))


def to_rgb(picture: Image.Image) -> Image.Image:
    """Return a new RGB image, on white where the image is transparent."""
    if picture.mode == "F" or picture.mode.startswith("I"):
        return Image.fromarray(eight_bits(np.asarray(picture))).convert("RGB")
    if picture.has_transparency_data:
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")
    return picture.convert("RGB")


def eight_bits(grey: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale floats by their range, see `from_array`; of integers keep the upper eight of 16 bits."""
    if np.issubdtype(grey.dtype, np.floating):
        finite = np.nan_to_num(grey, posinf=0, neginf=0)
        full = next((top for top in (1, 255) if finite.max() <= top), 65535)
        return np.asarray(np.rint(finite.clip(0, full) * (255 / full)), dtype=np.uint8)
    return np.asarray(grey.clip(0, 65535) // 256, dtype=np.uint8)


def upright(stored: Image.Image, picture: Image.Image) -> Image.Image:
    """Turn an image as the EXIF data of the stored image say."""
    try:
        orientation = stored.getexif().get(_ORIENTATION)
    except Exception:  # broken EXIF data do not make the pixels worse
        return picture
    return picture.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else picture


@cache
def quiet_libtiff() -> None:
    """Keep libtiff from writing about broken files on standard error, where Pillow brings it along."""
    for library in Path(Image.__file__).parents[1].glob("pillow.libs/libtiff*"):
        libtiff = ctypes.CDLL(str(library))  # the one that Pillow has loaded
        libtiff.TIFFSetErrorHandler(None)
        libtiff.TIFFSetWarningHandler(None)


_lock = threading.Lock()
_quiet = ExitStack()
_inside = 0


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Silence Pillow's warnings while any thread is inside: `catch_warnings` alone is not thread-safe."""
    global _inside
    quiet_libtiff()
    with _lock:
        if not _inside:
            _quiet.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", module=r"PIL\.")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                _quiet.close()
