"""The interface of image encoders.      B batch, C channels, H height, W width, L locations, F feature."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, NamedTuple

from torch import Tensor, nn

from captioner.images import Preprocessing
from captioner.registry import Registry


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
    """

    feature_dim: int
    grid: tuple[int, int]
    preprocessing: Preprocessing

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
