"""Pretrained weights of VGG, torchvision's or the authors' own, and the pixels each of them expects."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from captioner.encoders.weights import fetch_weights, read_weights
from captioner.errors import UserError, nearest
from captioner.preprocessing import IMAGENET_MEAN, IMAGENET_STD

Source = tuple[Mapping[str, Tensor], str]  # weights by the paper's names, and their name for messages

CAFFE_MEAN = (123.68, 116.779, 103.939)  # RGB; Caffe's pixels are in [0, 255] and not divided by a deviation


def published_weights(depth: int, batch_norm: bool, layer: str, weights: str | None) -> Any:
    """Find torchvision's weights by name.

    Args:
        depth: of the VGG.
        batch_norm: whether it has batch normalisation.
        layer: the chosen layer.
        weights: `imagenet` or a name of torchvision's; None and `caffe` are not torchvision's.

    Returns:
        The member of torchvision's enumeration, or None.

    Raises:
        UserError: there are no such weights, or they lack the layer.
    """
    if weights in (None, "caffe"):
        return None
    # Imported here: it takes a second, and most configs do without.
    from torchvision.models import get_model_weights  # type: ignore[import-untyped, unused-ignore]

    known = get_model_weights(f"vgg{depth}_bn" if batch_norm else f"vgg{depth}").__members__
    name = "IMAGENET1K_V1" if weights == "imagenet" else str(weights).rpartition(".")[2]
    if name not in known:
        raise UserError(
            f"There are no weights {weights!r} of VGG{depth}{' with batch norm' * batch_norm}. "
            f"{nearest(name, ['imagenet', 'caffe', *known])}"
        )
    if layer.startswith("fc") and known[name].meta["categories"] is None:
        raise UserError(
            f"The weights {name} are of convolutions only, so {layer} cannot be computed from them."
        )
    return known[name]


def standardisation(weights: str | None, published: Any) -> dict[str, Any]:
    """Return the fields `mean`, `std` and `scale` of the preprocessing that belongs to `weights`."""
    if weights == "caffe":
        return {"mean": CAFFE_MEAN, "std": (1.0, 1.0, 1.0), "scale": 1.0}
    if published is None:
        return {"mean": IMAGENET_MEAN, "std": IMAGENET_STD}
    transforms = published.transforms()
    return {"mean": tuple(transforms.mean), "std": tuple(transforms.std)}


def stored_weights(
    weights: str | None, weights_file: str | None, published: Any, names: dict[str, str]
) -> Source | None:
    """Read the weights from the file or else from torchvision.

    Caffe's first convolution is reversed here: its input is in the order blue, green, red.

    Args:
        weights: the name of the weights.
        weights_file: a local file; None: torchvision's.
        published: from `published_weights`.
        names: the paper's names of modules by torchvision's.

    Returns:
        Tensors by the paper's names, and a name for messages; None for random weights.
    """
    if weights_file is not None:
        stored, origin = read_weights(weights_file), f"The weights file {weights_file}"
    elif published is not None:
        stored, origin = fetch_weights(published.url, published.meta["_file_size"]), f"{published}"
    else:
        return None
    split = {key: key.rpartition(".") for key in stored}
    stored = {f"{names.get(module, module)}.{kind}": stored[key] for key, (module, _, kind) in split.items()}
    if weights == "caffe" and "conv1_1.weight" in stored:
        stored["conv1_1.weight"] = stored["conv1_1.weight"].flip(1)
    return stored, origin
