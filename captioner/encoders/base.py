"""What every image encoder is.      B batch, C channels, H height, W width, L locations, F feature."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, NamedTuple

from torch import Tensor, nn

from captioner.images import Preprocessing
from captioner.registry import Registry


class ParameterGroup(NamedTuple):
    """Parameters that learn at their own rate (None: the rate of the rest of the model)."""

    parameters: list[nn.Parameter]
    learning_rate: float | None


class Encoder(nn.Module, ABC):
    """Images to features of one shape: `images_BCHW` -> `features_BLF`, L locations in row-major order.

    Attributes:
        feature_dim: F.
        grid: rows and columns of the locations, L = rows * columns; (1, 1) for a whole-image feature.
        preprocessing: how a picture becomes `images_BCHW`; training, evaluation and the command line
            use this one, and it is stored in the model folder.
    """

    feature_dim: int
    grid: tuple[int, int]
    preprocessing: Preprocessing

    @abstractmethod
    def forward(self, images_BCHW: Tensor) -> Tensor:
        """features_BLF of normalised images."""

    @abstractmethod
    def trained_groups(self) -> list[ParameterGroup]:
        """The parameters that training changes; an empty list for a frozen encoder."""

    @property
    def is_frozen(self) -> bool:
        """Whether features of a picture never change, so that they may be computed once and stored."""
        return not any(group.parameters for group in self.trained_groups())

    def fingerprint(self) -> str:
        """A hash of everything its features depend on: weights, layer (through them and the grid), pixels."""
        digest = hashlib.sha256()
        about: dict[str, Any] = {"class": type(self).__name__, "repr": repr(self), "grid": self.grid}
        digest.update(json.dumps(about | {"pixels": self.preprocessing.to_dict()}, sort_keys=True).encode())
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


def freeze(modules: Iterable[nn.Module]) -> None:
    """Take the parameters of `modules` out of training."""
    for module in modules:
        module.requires_grad_(False)


ENCODERS: Registry[Encoder] = Registry("encoder", "captioner.encoders")
