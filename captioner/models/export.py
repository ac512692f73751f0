"""Write a small copy of a model folder to share: half precision, and packaged weights by their name."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from captioner.config import Component, load
from captioner.encoders.base import Encoder
from captioner.encoders.weight_packages import find_package
from captioner.errors import UserError
from captioner.models.base import Model
from captioner.models.card import CONFIG, read_card
from captioner.models.folder import load_model, read_prototypes, save_model
from captioner.models.image_model import build_encoder
from captioner.precision import DTYPES, HalfPrecision


def export_model(
    folder: Path, target: Path, about: dict[str, Any] | None = None, precision: HalfPrecision = "fp16"
) -> None:
    """Write a small copy of a model.

    Weights are rounded to half precision; paths of this machine are left out of config and card. An encoder
    that came from a package keeps only the tensors that training changed; the card has the name of the
    package and the hash of its file.

    Args:
        folder: the model folder.
        target: the new folder.
        about: what is added to the card.
        precision: of the weights; zip files pack those of bf16 smaller.

    Raises:
        UserError: there is no such model, or a weight is too large for half precision.
    """
    model = load_model(folder)
    read = read_card(folder)
    card = read | {"data": _without_paths(read.get("data", {}))} | (about or {})
    model.config.data = _without_paths(model.config.data)
    model.config.training = replace(model.config.training, init_from=None)
    weights = model.state_dict()
    options = load(folder / CONFIG).encoder  # the loaded model's own have no source of weights
    if package := options.get("weights_package"):
        card["encoder_package"] = {"name": package, "sha256": find_package(package).sha256}
        original = build_encoder(options).state_dict()
        model.config.encoder = options
        for key in _unchanged(model, original):
            del weights[f"encoder.{key}"]
    half = getattr(torch, DTYPES[precision])
    small = {key: value.to(half) if value.is_floating_point() else value for key, value in weights.items()}
    if not all(value.isfinite().all() for value in small.values() if value.is_floating_point()):
        raise UserError(f"A weight of {folder} is too large for half precision.")
    save_model(model, target, card, small, read_prototypes(folder))


def _without_paths(options: Component) -> Component:
    return {
        key: value
        for key, value in options.items()
        if not (isinstance(value, str) and Path(value).expanduser().is_absolute())
    }


def _unchanged(model: Model, original: dict[str, torch.Tensor]) -> list[str]:
    """Names of the encoder's tensors that are as the package has them."""
    encoder = model.get_submodule("encoder")
    assert isinstance(encoder, Encoder)
    own = encoder.state_dict()
    return [key for key, value in original.items() if torch.equal(own[key], value)]
