"""Save and load model folders: weights, config, words and card. No pickle."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from captioner.config import Component, from_mapping, load
from captioner.encoders.weight_packages import check_package
from captioner.errors import UserError
from captioner.models.base import Model, build_model
from captioner.vocabulary import Vocabulary

FORMAT_VERSION = 2
WEIGHTS, CONFIG, WORDS, CARD = "model.safetensors", "config.yaml", "vocabulary.json", "card.json"
PROTOTYPES = "prototypes.safetensors"
"""Of a calibrated captioner: mean features of usual images."""


def save_model(
    model: Model, folder: Path, card: dict[str, Any], weights: Mapping[str, Tensor] | None = None
) -> None:
    """Write a model folder; an older one of that name is replaced as a whole, never half.

    Args:
        model: what is saved.
        folder: where.
        card: where the model comes from (data, split, scores); the format, the versions of what computes, and
            what the model needs to remember are added.
        weights: the tensors to write; None: the model's.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    new.chmod(0o755)
    tensors = model.state_dict() if weights is None else weights
    save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, new / WEIGHTS)
    (new / CONFIG).write_text(model.config.to_yaml(), encoding="utf-8")
    model.vocabulary.save(new / WORDS)
    packages = ("torch", "torchvision", "pytorch-lightning", "captioner")
    about = {
        "format_version": FORMAT_VERSION,
        **model.to_card(),
        "versions": {package: version(package) for package in packages},
        **card,
    }
    (new / CARD).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    old = new.with_name(new.name + "-old")
    if folder.exists():
        os.replace(folder, old)
    os.replace(new, folder)
    shutil.rmtree(old, ignore_errors=True)


def read_card(folder: Path) -> dict[str, Any]:
    """Read what is known of a model beside its weights.

    Args:
        folder: the model folder.

    Returns:
        The card: format, task state, versions, data, validation.

    Raises:
        UserError: there is no model folder, or one of another format.
    """
    for name in (WEIGHTS, CONFIG, WORDS, CARD):
        if not (folder / name).is_file():
            raise UserError(f"{folder} is not a model folder: {name} is missing.")
    card: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
    found = card.get("format_version")
    if found != FORMAT_VERSION:
        raise UserError(
            f"{folder} has format {found}, but this version of captioner reads format {FORMAT_VERSION}: "
            "train the model again."
        )
    return card


def trained_task(folder: Path) -> str:
    """Return the name of the task that a model was trained for.

    Args:
        folder: the model folder.

    Returns:
        The task's name in configs.

    Raises:
        UserError: as `read_card`.
    """
    read_card(folder)
    return str(load(folder / CONFIG).task["name"])


def load_model(folder: Path, changes: dict[str, Component] | None = None) -> Model:
    """Load a trained model, in evaluation mode.

    Args:
        folder: the model folder.
        changes: components that replace those of its config.

    Returns:
        The model.

    Raises:
        UserError: the folder is not one, or its parts do not fit together.
    """
    card = read_card(folder)
    values = OmegaConf.to_container(OmegaConf.load(folder / CONFIG))
    assert isinstance(values, dict)
    config = from_mapping({str(k): v for k, v in values.items()} | (changes or {}), str(folder / CONFIG))
    package = card.get("encoder_package")
    if package is None:
        config.encoder = without_weight_files(config.encoder)
    else:
        check_package(package["name"], package["sha256"])
    model = build_model(config, Vocabulary.load(folder / WORDS), card)
    weights = read_weights(folder)
    if package is not None:  # what the folder leaves out is as the package has it
        encoder = {key: value for key, value in model.state_dict().items() if key.startswith("encoder.")}
        weights = encoder | weights
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        first = str(error).strip().splitlines()[-1].strip()
        raise UserError(f"{folder / WEIGHTS} does not fit {CONFIG}: {first}") from None
    model.load_card(card)
    return model.eval()


def read_vocabulary(folder: Path) -> Vocabulary:
    """Read the words of a model folder.

    Args:
        folder: the model folder.

    Returns:
        Its words.

    Raises:
        UserError: as `read_card`.
    """
    read_card(folder)
    return Vocabulary.load(folder / WORDS)


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Read the weights of a model folder.

    Args:
        folder: the model folder.

    Returns:
        Tensors by their names in the state dict.

    Raises:
        UserError: the file is damaged.
    """
    try:
        return load_file(folder / WEIGHTS)
    except SafetensorError as error:
        raise UserError(f"{folder / WEIGHTS} cannot be read: {error}.") from None


def without_weight_files(encoder: Component) -> Component:
    """Return an encoder's options without the source of its weights, which the model folder holds."""
    origins = {"weights": None, "weights_file": None, "weights_package": None, "pretrained": False}
    return {key: origins.get(key, value) for key, value in encoder.items()}
