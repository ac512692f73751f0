"""Features as bytes, 16 or 8 bits a number.      B images, L locations, F feature, N bytes of an image."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class FeatureFormat(ABC):
    """A way to keep features as bytes: all images take equally many.

    Args:
        num_locations: L.
        feature_dim: F.

    Attributes:
        name: the value of `training.feature_dtype`.
        suffix: of files with such bytes.
        bits: of a number, in words.
        largest: the largest number that can be kept.
        row_bytes: N.
    """

    name: ClassVar[str]
    suffix: ClassVar[str]
    bits: ClassVar[str]
    largest: ClassVar[float] = torch.finfo(torch.float32).max
    scale_bytes: ClassVar[int] = 0
    bytes_per_number: ClassVar[int] = 1

    def __init__(self, num_locations: int, feature_dim: int) -> None:
        self.num_locations, self.feature_dim = num_locations, feature_dim
        self.codes_bytes = self.bytes_per_number * num_locations * feature_dim
        self.row_bytes = self.codes_bytes + self.scale_bytes * num_locations

    @abstractmethod
    def encode(self, features_BLF: Tensor) -> NDArray[np.uint8]:
        """Return bytes_BN of finite features, none beyond `largest`."""

    @abstractmethod
    def decode(self, bytes_BN: Tensor) -> Tensor:
        """Return features_BLF in float32."""

    def _with_scales(self, codes_BLF: Tensor, *scales_BL1: Tensor) -> NDArray[np.uint8]:
        parts = [codes_BLF, *scales_BL1]
        return torch.cat([part.contiguous().view(torch.uint8).flatten(1) for part in parts], dim=1).numpy()

    def _codes(self, bytes_BN: Tensor, dtype: torch.dtype) -> Tensor:
        codes_BN = bytes_BN[:, : self.codes_bytes].view(dtype)
        return codes_BN.view(len(bytes_BN), self.num_locations, self.feature_dim)

    def _scales(self, bytes_BN: Tensor) -> tuple[Tensor, ...]:
        """Numbers in float32 that each location has beside its codes, every one scales_BL1."""
        packed = bytes_BN[:, self.codes_bytes :].flatten().clone().view(torch.float32)
        scales_BSL1 = packed.view(len(bytes_BN), -1, self.num_locations, 1)
        return tuple(scales_BSL1.unbind(1))


class Float16(FeatureFormat):
    """Half precision: 11 bits of mantissa."""

    name, suffix, bits, bytes_per_number = "float16", ".f16", "16-bit", 2
    largest = torch.finfo(torch.float16).max

    def encode(self, features_BLF: Tensor) -> NDArray[np.uint8]:
        """Round to the nearest."""
        return self._with_scales(features_BLF.half())

    def decode(self, bytes_BN: Tensor) -> Tensor:
        """Widen."""
        return self._codes(bytes_BN, torch.float16).float()


class Float8(FeatureFormat):
    """Eight bits, 4 of exponent and 3 of mantissa, scaled so that a location's largest number is 448.

    Source: Micikevicius et al. (2022), "FP8 formats for deep learning", E4M3.
    """

    name, suffix, bits, scale_bytes = "float8", ".f8", "8-bit", 4

    def encode(self, features_BLF: Tensor) -> NDArray[np.uint8]:
        """Round to the nearest after scaling."""
        largest_BL1 = features_BLF.abs().amax(dim=2, keepdim=True)
        scale_BL1 = largest_BL1.clamp(min=torch.finfo(torch.float32).tiny) / _FLOAT8_LARGEST
        return self._with_scales((features_BLF / scale_BL1).to(torch.float8_e4m3fn), scale_BL1)

    def decode(self, bytes_BN: Tensor) -> Tensor:
        """Widen by a table of the 256 numbers, and undo the scaling."""
        (scale_BL1,) = self._scales(bytes_BN)
        codes_BLF = self._codes(bytes_BN, torch.uint8)
        values = _FLOAT8_VALUES.index_select(0, codes_BLF.flatten().int())  # faster than torch's own widening
        return values.view(codes_BLF.shape).mul_(scale_BL1)


class Int8(FeatureFormat):
    """256 equal steps between the smallest and the largest number of each location."""

    name, suffix, bits, scale_bytes = "int8", ".i8", "8-bit", 8

    def encode(self, features_BLF: Tensor) -> NDArray[np.uint8]:
        """Round to the nearest step."""
        low_BL1, high_BL1 = (edge.unsqueeze(2) for edge in torch.aminmax(features_BLF, dim=2))
        step_BL1 = (high_BL1 / 255 - low_BL1 / 255).clamp(min=torch.finfo(torch.float32).tiny)
        codes_BLF = ((features_BLF - low_BL1) / step_BL1).round().clamp(0, 255).to(torch.uint8)
        return self._with_scales(codes_BLF, low_BL1, step_BL1)

    def decode(self, bytes_BN: Tensor) -> Tensor:
        """Go up so many steps from the smallest number."""
        low_BL1, step_BL1 = self._scales(bytes_BN)
        return self._codes(bytes_BN, torch.uint8).float().mul_(step_BL1).add_(low_BL1)


_FLOAT8_LARGEST = torch.finfo(torch.float8_e4m3fn).max
_FLOAT8_VALUES = torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn).float()

FORMATS: Mapping[str, type[FeatureFormat]] = {kind.name: kind for kind in (Float16, Float8, Int8)}


def format_of(about: Mapping[str, Any]) -> FeatureFormat:
    """Return the format of a store.

    Args:
        about: what its indexes say about it.

    Returns:
        The format, for images of its size.
    """
    rows, columns = about["grid"]
    return FORMATS[about["dtype"]](rows * columns, int(about["feature_dim"]))
