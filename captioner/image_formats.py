"""Name the image formats that are read, and how to read those that need another package."""

from importlib.util import find_spec
from pathlib import Path

from PIL import features

_HAS_AVIF = "avif" in features.modules and features.check_module("avif")
_HAS_HEIF = find_spec("pillow_heif") is not None

# Named, since Pillow's full list includes formats that start other programs (EPS starts Ghostscript).
# The MPO of many phones is a JPEG.
FORMATS = (
    *("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "JPEG2000"),
    *(("AVIF",) if _HAS_AVIF else ()),
    *(("HEIF",) if _HAS_HEIF else ()),
)
_AVIF = {".avif"}
_HEIF = {".heic", ".heif"}
SUFFIXES = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k"),
    *(_AVIF if _HAS_AVIF else ()),
    *(_HEIF if _HAS_HEIF else ()),
}
"""Of files that a folder is searched for."""
NOT_READ = {".svg", ".raw", ".dng", ".cr2", ".nef", ".arw", ".psd", ".eps", ".jxl"} | _AVIF | _HEIF
NOT_READ -= SUFFIXES
"""Of pictures in formats that are not read: those of a folder are counted."""

HOW_TO_READ = {
    **dict.fromkeys(_HEIF, "HEIC is read after pip install 'captioner[heic]'"),
    **dict.fromkeys(_AVIF, "AVIF is read after pip install -U pillow"),
}
"""Of endings that may be `NOT_READ`."""

_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"), ".heic"),
    **dict.fromkeys((b"avif", b"avis"), ".avif"),
}


def register_formats() -> None:
    """Make Pillow read HEIC, where pillow-heif is installed."""
    if _HAS_HEIF:
        from pillow_heif import register_heif_opener

        register_heif_opener()


def first_bytes(source: Path | bytes) -> bytes:
    """Return the bytes of a file, or of its content, that tell its format."""
    if isinstance(source, bytes):
        return source[:12]
    with source.open("rb") as file:
        return file.read(12)


def missing_package(start: bytes) -> str | None:
    """Return how to read a format that is not read here.

    Args:
        start: the first bytes of a file.

    Returns:
        A clause with the command to install what reads it; None for another format.
    """
    ending = _BRANDS.get(start[8:12], "") if start[4:8] == b"ftyp" else ""
    return HOW_TO_READ[ending] if ending in NOT_READ else None
