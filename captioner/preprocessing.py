"""Preprocess decoded images for an encoder.      C channels, H height, W width.

Training, evaluation, the command line and the feature store all use `images.load_image` and the encoder's
`Preprocessing`, so that a model is given images prepared as those it was trained on.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_type_hints

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from captioner.errors import UserError, check_type, nearest
from captioner.ranges import Finite, ImageSize, Positive

MAX_ASPECT = 32  # beyond this an image resized by its shorter side would fill the memory

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


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

    @property
    def min_side(self) -> int:
        """Pixels that a side of an image needs to have: twice as many as after resizing, crops included."""
        return 2 * max(self.resize_size or self.size, self._side_for_crops)

    @property
    def _side_for_crops(self) -> int:
        return round(self.size * 8 / 7)

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
        resized = self._resized(image, max(self.resize_size or self.size, self._side_for_crops))
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
