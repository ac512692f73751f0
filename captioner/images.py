"""Files to pictures, pictures to pixels: one `load_image` and one transform per encoder.    C channels.

Training, evaluation, the command line and the feature store all come through here, so that a model never
sees a picture prepared in another way than the ones it learned from.
"""

import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, get_type_hints

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from captioner.errors import UserError, nearest
from captioner.registry import check_type

ImageSource = str | Path | bytes | Image.Image | NDArray[Any]
"""A file, a file's bytes, a PIL image, or an array of pixels: (H, W) grey, (H, W, 3) or (H, W, 4) RGB(A)."""

# Named, since Pillow's full list includes formats that start other programs (EPS starts Ghostscript).
# The MPO of many phones is a JPEG.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "JPEG2000")
MAX_PIXELS = 178_956_970  # half a gigabyte of RGB, where Pillow's own refusal lies
MAX_ASPECT = 32  # beyond this a picture resized by its shorter side would fill the memory

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

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
_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


class UnreadableImage(UserError):  # noqa: N818 (a mistake of the data, read as a noun)
    """A picture that is missing, empty, broken or too large; the message names it and the reason."""


def load_image(source: ImageSource) -> Image.Image:
    """Decode an image: RGB, upright, its first frame, on white if transparent.

    16-bit greys keep their upper eight bits; float greys are taken to range to the smallest of 1, 255
    and 65535 that holds their maximum.

    Args:
        source: a file, a file's bytes, a PIL image, or an array of pixels.

    Returns:
        An image of its own; changes of it do not reach the source.

    Raises:
        UnreadableImage: the source holds no image.
    """
    try:
        with _quiet_pillow(), _open(source) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            picture.load()
            return _upright(picture, _rgb(picture))
    # A broken file can fail anywhere in a decoder, with any exception.
    except Exception as error:
        name, reason = image_name(source), _reason(source, error)
        raise UnreadableImage(f"The picture {name} cannot be read: {reason}.") from None


def image_name(source: ImageSource) -> str:
    """Return what a source is called in messages."""
    match source:
        case bytes():
            return f"of {len(source)} bytes"
        case Image.Image():
            return f"of {source.width} x {source.height} pixels"
        case np.ndarray():
            return f"of the array {' x '.join(map(str, source.shape))}"
    return str(source)


def picture_size(source: ImageSource) -> tuple[int, int]:
    """Width and height of what `load_image` gives, from the header of a picture that it can read."""
    with _quiet_pillow(), _open(source) as picture:
        return _upright(picture, Image.new("1", picture.size)).size


def _open(source: ImageSource) -> Image.Image:
    match source:
        case Image.Image():
            return source.copy()
        case np.ndarray():
            return _from_array(source)
        case bytes():
            return Image.open(BytesIO(source), formats=FORMATS)
    return Image.open(source, formats=FORMATS)


def _from_array(pixels: NDArray[Any]) -> Image.Image:
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise ValueError("an array of pixels is (H, W), (H, W, 3) or (H, W, 4)")
    if pixels.dtype != np.uint8:
        is_small = np.issubdtype(pixels.dtype, np.integer) and pixels.max(initial=0) <= 255
        pixels = pixels.clip(0).astype(np.uint8) if is_small else _eight_bits(pixels)
    return Image.fromarray(np.ascontiguousarray(pixels))


def _reason(source: ImageSource, error: Exception) -> str:
    match error:
        case FileNotFoundError():
            return "there is no such file"
        case Image.DecompressionBombError():
            return f"it has more than {MAX_PIXELS / 1e6:.0f} million pixels"
        case UnidentifiedImageError():
            size = len(source) if isinstance(source, bytes) else Path(str(source)).stat().st_size
            return f"it is not one of {', '.join(FORMATS)}" if size else "it is empty"
        case OSError(strerror=str(reason)):
            return reason[:1].lower() + reason[1:]
    return str(error).strip().rstrip(".") or type(error).__name__


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "F" or picture.mode.startswith("I"):
        return Image.fromarray(_eight_bits(np.asarray(picture))).convert("RGB")
    if picture.has_transparency_data:
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")
    return picture.convert("RGB")


def _eight_bits(grey: NDArray[Any]) -> NDArray[np.uint8]:
    if np.issubdtype(grey.dtype, np.floating):
        finite = np.nan_to_num(grey, posinf=0, neginf=0)
        full = next((top for top in (1, 255) if finite.max() <= top), 65535)
        return np.asarray(np.rint(finite.clip(0, full) * (255 / full)), dtype=np.uint8)
    return np.asarray(grey.clip(0, 65535) // 256, dtype=np.uint8)


def _upright(stored: Image.Image, picture: Image.Image) -> Image.Image:
    try:
        orientation = stored.getexif().get(_ORIENTATION)
    except Exception:  # broken EXIF data do not make the pixels worse
        return picture
    return picture.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else picture


_lock = threading.Lock()
_quiet = ExitStack()
_inside = 0


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Silence Pillow's warnings while any thread is inside: `catch_warnings` alone is not thread-safe."""
    global _inside
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


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes the input of an encoder: resized, cut to a square, normalised per channel.

    pixels = (RGB / scale - mean) / std, after Pillow's antialiased resizing. With torchvision's numbers
    the result equals torchvision's own transforms bit for bit.

    Attributes:
        size: side of the square in pixels.
        resize: `crop` brings the shorter side to `resize_size`, `squash` both, whatever the aspect; the
            middle `size` x `size` of that is taken.
        resize_size: None stands for `size`.
        mean: of each channel, in units of `scale`.
        std: likewise.
        scale: 255 for pixels in [0, 1], 1 for pixels as Caffe takes them, in [0, 255].
        interpolation: `bilinear` or `bicubic`.
    """

    size: int
    resize: Literal["squash", "crop"] = "squash"
    resize_size: int | None = None
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    scale: float = 255.0
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"

    def __post_init__(self) -> None:
        hints = get_type_hints(Preprocessing)
        for field in fields(self):
            check_type(f"preprocessing: {field.name}", getattr(self, field.name), hints[field.name])
        if self.size < 1 or (self.resize_size or self.size) < self.size:
            raise UserError(f"A picture resized to {self.resize_size} cannot be cut to {self.size} pixels.")
        if self.scale <= 0 or min(self.std) <= 0:
            raise UserError("preprocessing: scale and std must be above 0.")

    def __call__(self, image: Image.Image) -> Tensor:
        """pixels_CHW, float32, of an RGB picture."""
        return self.normalize(self.encoder_view(image))

    def encoder_view(self, image: Image.Image) -> Image.Image:
        """The part of the picture that an encoder sees, before normalising; maps are drawn over this."""
        resized = self._resized(image, self.resize_size or self.size)
        return self._square(
            resized, round((resized.width - self.size) / 2), round((resized.height - self.size) / 2)
        )

    def augmented(self, image: Image.Image, generator: torch.Generator, flip: bool = False) -> Tensor:
        """pixels_CHW of a square at a random place, mirrored every other time if `flip`.

        The square is 7/8 of the resized picture's side (224 of 256, as NeuralTalk2), or less where
        `resize_size` leaves more room. Mirroring exchanges left and right, which captions may tell apart.
        """
        resized = self._resized(image, max(self.resize_size or self.size, round(self.size * 8 / 7)))
        left, top = (
            int(torch.randint(side - self.size + 1, (), generator=generator))
            for side in (resized.width, resized.height)
        )
        square = self._square(resized, left, top)
        if flip and torch.rand((), generator=generator) < 0.5:
            square = square.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return self.normalize(square)

    def to_dict(self) -> dict[str, Any]:
        """The fields, as JSON and YAML hold them."""
        values = asdict(self).items()
        return {key: list(value) if isinstance(value, tuple) else value for key, value in values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Preprocessing":
        """What `to_dict` gave.

        Raises:
            UserError: a field is missing, unknown or of the wrong type.
        """
        known = [field.name for field in fields(cls)]
        for key in values:
            if key not in known:
                raise UserError(f"preprocessing has no field {key!r}. {nearest(key, known)}")
        for key in known:
            if key not in values:
                raise UserError(f"preprocessing lacks the field {key!r}.")
        listed: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**listed)

    def _resized(self, image: Image.Image, size: int) -> Image.Image:
        if self.resize == "squash":
            return image.resize((size, size), _FILTERS[self.interpolation])
        short = min(image.size)
        if max(image.size) > MAX_ASPECT * short:
            sides = [min(side, MAX_ASPECT * short) for side in image.size]
            left, top = ((side - kept) // 2 for side, kept in zip(image.size, sides, strict=True))
            image = image.crop((left, top, left + sides[0], top + sides[1]))
        # Rounded down, as torchvision does.
        width, height = (size if side == short else int(size * side / short) for side in image.size)
        return image.resize((width, height), _FILTERS[self.interpolation])

    def _square(self, image: Image.Image, left: int, top: int) -> Image.Image:
        return image.crop((left, top, left + self.size, top + self.size))

    def normalize(self, image: Image.Image) -> Tensor:
        """Return pixels_CHW, float32, of what `encoder_view` gives."""
        pixels_CHW = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float() / self.scale
        mean_C11, std_C11 = (torch.tensor(values).view(3, 1, 1) for values in (self.mean, self.std))
        return pixels_CHW.sub_(mean_C11).div_(std_C11)
