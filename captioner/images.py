"""Decode images, and preprocess them for an encoder.      C channels, H height, W width.

Training, evaluation, the command line and the feature store all use `load_image` and the encoder's
`Preprocessing`, so that a model is given images prepared as those it was trained on.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, fields
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, get_type_hints

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from captioner.errors import UserError, check_type, nearest
from captioner.image_formats import FORMATS, first_bytes, missing_package, register_formats
from captioner.packed_image import PackedImage
from captioner.pillow import from_array, quiet_pillow, to_rgb, upright
from captioner.ranges import Finite, ImageSize, Positive

ImageSource = str | Path | bytes | PackedImage | Image.Image | NDArray[Any]
"""A file, a file's bytes, an image inside a larger file, a PIL image, or an array of pixels: (H, W) grey,
(H, W, 3) or (H, W, 4) RGB(A)."""

MAX_PIXELS = 178_956_970  # half a gigabyte of RGB, where Pillow's own refusal lies
MAX_SIDE = 65_535  # pixels; a longer side makes rows or columns that cost gigabytes for a few pixels
MAX_ASPECT = 32  # beyond this an image resized by its shorter side would fill the memory

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

register_formats()
_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


class UnreadableImage(UserError):  # noqa: N818 (a mistake of the data, read as a noun)
    """An image that is missing, empty, broken or too large; the message names it and the reason."""


def load_image(source: ImageSource) -> Image.Image:
    """Decode an image: RGB, upright, its first frame, on white if transparent.

    16-bit greys keep their upper eight bits; floats are taken to range to the smallest of 1, 255 and 65535
    that holds their maximum.

    Args:
        source: a file, bytes of one, a part of one, a PIL image, or an array (see `pillow.from_array`).

    Returns:
        A new image; changes of it do not reach the source.

    Raises:
        UnreadableImage: the source holds no image.
    """
    try:
        with quiet_pillow(), _open(source) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            if max(picture.size) > MAX_SIDE:
                raise ValueError(f"a side is longer than {MAX_SIDE:,} pixels")
            picture.load()
            return upright(picture, to_rgb(picture))
    # A broken file can fail anywhere in a decoder, with any exception.
    except Exception as error:
        name, reason = image_name(source), _reason(source, error)
        raise UnreadableImage(f"The picture {name} cannot be read: {reason}.") from None


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


@dataclass(frozen=True)
class Preprocessing:
    """Resize an image, crop it to a square and normalise each channel.

    pixels = (RGB / scale - mean) / std, after Pillow's antialiased resizing. With torchvision's numbers
    the result equals torchvision's own transforms bit for bit.

    Attributes:
        size: side of the square in pixels.
        resize: `crop` brings the shorter side to `resize_size`, `squash` both sides; then the middle
            `size` x `size` is taken.
        resize_size: None stands for `size`.
        mean: mean of each channel, in units of `scale`.
        std: standard deviation of each channel, in units of `scale`.
        scale: 255 for pixels in [0, 1], 1 for pixels as Caffe takes them, in [0, 255].
        interpolation: `bilinear` or `bicubic`.
    """

    size: ImageSize
    resize: Literal["squash", "crop"] = "squash"
    resize_size: ImageSize | None = None
    mean: tuple[Finite, Finite, Finite] = IMAGENET_MEAN
    std: tuple[Positive, Positive, Positive] = IMAGENET_STD
    scale: Positive = 255.0
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"

    def __post_init__(self) -> None:
        hints = get_type_hints(Preprocessing, include_extras=True)
        for field in fields(self):
            check_type(f"preprocessing: {field.name}", getattr(self, field.name), hints[field.name])
        if (self.resize_size or self.size) < self.size:
            raise UserError(f"A picture resized to {self.resize_size} cannot be cut to {self.size} pixels.")

    def __call__(self, image: Image.Image) -> Tensor:
        """Return pixels_CHW, float32, of an RGB image."""
        return self.normalize(self.encoder_view(image))

    def encoder_view(self, image: Image.Image) -> Image.Image:
        """Return the square that an encoder sees, before normalising; attention maps are drawn over it."""
        resized = self._resized(image, self.resize_size or self.size)
        return self._square(
            resized, round((resized.width - self.size) / 2), round((resized.height - self.size) / 2)
        )

    def augmented(self, image: Image.Image, generator: torch.Generator, flip: bool = False) -> Tensor:
        """Take a random crop, and flip it horizontally half of the time if `flip`.

        The crop is 7/8 of the resized image's side (224 of 256, as NeuralTalk2), or less where `resize_size`
        leaves more room.

        Args:
            image: an RGB image.
            generator: the source of randomness.
            flip: off by default, since a flip exchanges left and right, which captions may name.

        Returns:
            pixels_CHW, float32.
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
        """Return the fields, as JSON and YAML hold them."""
        values = asdict(self).items()
        return {key: list(value) if isinstance(value, tuple) else value for key, value in values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Preprocessing":
        """Make an object of the fields that `to_dict` gave.

        Args:
            values: every field by its name.

        Returns:
            The transform.

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
        """Return pixels_CHW, float32, of the square that `encoder_view` gives."""
        # In numpy: torch would start a team of threads of its own in every thread that reads images.
        pixels_CHW = np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1), dtype=np.float32)
        mean_C11, std_C11 = (np.array(values, np.float32)[:, None, None] for values in (self.mean, self.std))
        pixels_CHW /= np.float32(self.scale)
        pixels_CHW -= mean_C11
        pixels_CHW /= std_C11
        return torch.from_numpy(pixels_CHW)
