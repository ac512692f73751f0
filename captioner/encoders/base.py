"""The interface of image encoders.      B batch, C channels, H height, W width, L locations, F feature."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from captioner.errors import UserError
from captioner.precision import in_single_precision, weights_dtype
from captioner.preprocessing import Preprocessing
from captioner.registry import Registry

CPU_BATCH = 2
"""Images that a CPU encodes at once, in half precision twice as many: more maps do not stay in its cache."""


class ParameterGroup(NamedTuple):
    """Parameters with a learning rate of their own (None: that of the rest of the model)."""

    parameters: list[nn.Parameter]
    learning_rate: float | None


class Encoder(nn.Module, ABC):
    """A map from images to features, `images_BCHW` -> `features_BLF`, with L locations in row-major order.

    Attributes:
        feature_dim: F.
        grid: rows and columns of the locations, L = rows * columns; (1, 1) for a whole-image feature.
        preprocessing: from a picture to `images_BCHW`; the same in training, evaluation and inference, and
            stored in the model folder.
        pretrained: whether it was made with trained weights.
    """

    feature_dim: int
    grid: tuple[int, int]
    preprocessing: Preprocessing
    pretrained: bool = True

    @abstractmethod
    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Compute features_BLF of normalised images."""

    @abstractmethod
    def trained_groups(self) -> list[ParameterGroup]:
        """Return the parameters that training changes; an empty list for a frozen encoder."""

    @property
    def is_frozen(self) -> bool:
        """Whether training changes no parameter, so that features may be computed once and stored."""
        return not any(group.parameters for group in self.trained_groups())

    @torch.no_grad()
    def encode(self, images_BCHW: Tensor) -> Tensor:
        """Compute features without a gradient, in the precision of the weights.

        On a CPU a few at a time, with the channels last: so oneDNN's kernels take and leave them, which
        otherwise sort the maps anew around every convolution.

        Args:
            images_BCHW: normalised images.

        Returns:
            features_BLF, in single precision.
        """
        images_BCHW = images_BCHW.to(weights_dtype(self))
        if images_BCHW.device.type != "cpu":
            return in_single_precision(self(images_BCHW))
        at_once = CPU_BATCH * 4 // images_BCHW.dtype.itemsize
        images_BCHW = images_BCHW.contiguous(memory_format=torch.channels_last)
        return torch.cat([in_single_precision(self(part)) for part in torch.split(images_BCHW, at_once)])

    def frozen_part(self) -> "Encoder":
        """Return the layers before the first that training changes, as an encoder of their own.

        Its features may be stored; `forward_from` computes the rest.

        Returns:
            The encoder itself where it is frozen.

        Raises:
            UserError: the encoder cannot be divided.
        """
        if self.is_frozen:
            return self
        raise UserError(
            "This encoder cannot store what its trained layers are given: set training.views=null."
        )

    def forward_from(self, features_BLF: Tensor) -> Tensor:
        """Compute features_BLF from those of the frozen part."""
        return features_BLF

    def fingerprint(self) -> str:
        """Hash everything the features depend on: weights, layer (by them and the grid), preprocessing."""
        digest = hashlib.sha256()
        about: dict[str, Any] = {"class": type(self).__name__, "repr": repr(self), "grid": self.grid}
        digest.update(json.dumps(about | {"pixels": self.preprocessing.to_dict()}, sort_keys=True).encode())
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


def freeze(modules: Iterable[nn.Module]) -> None:
    """Exclude the parameters of `modules` from training."""
    for module in modules:
        module.requires_grad_(False)


ENCODERS: Registry[Encoder] = Registry("encoder", "captioner.encoders")
