"""Save and load model folders: weights, config, words and card. No pickle."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from torch import Tensor

from captioner.config import Component, load
from captioner.encoders.weight_packages import check_package
from captioner.errors import UserError
from captioner.files.atomic_write import atomic_folder
from captioner.files.read import file_sha256, read_json
from captioner.models.base import MODELS, Model, build_model, model_class
from captioner.models.card import CARD, CONFIG, FORMAT_VERSION, WEIGHTS, WORDS, Card, read_card
from captioner.models.tensor_files import read_tensors, save_tensors
from captioner.vocabulary import Vocabulary

PROTOTYPES = "prototypes.safetensors"
"""Of a calibrated captioner: mean features of usual images."""


def save_model(
    model: Model,
    folder: Path,
    card: Mapping[str, Any],
    weights: Mapping[str, Tensor] | None = None,
    prototypes: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a model folder; an older one of that name is replaced as a whole, never half.

    Args:
        model: what is saved.
        folder: where.
        card: where the model comes from (data, split, scores); the format, the versions of what computes, the
            hashes of the files and what the model needs to remember are added.
        weights: the tensors to write; None: the model's.
        prototypes: of a calibrated captioner.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    tensors = model.state_dict() if weights is None else weights
    packages = ("torch", "torchvision", "pytorch-lightning", "captioner")
    about = {
        "format_version": FORMAT_VERSION,
        **model.to_card(),
        "versions": {package: version(package) for package in packages},
        **card,
    }
    with _new_folder(folder) as new:
        save_tensors(tensors, new / WEIGHTS)
        (new / CONFIG).write_text(model.config.to_yaml(), encoding="utf-8")
        words = json.dumps(model.vocabulary.words, ensure_ascii=False, indent=0)
        (new / WORDS).write_text(words + "\n", encoding="utf-8")
        if prototypes is not None:
            save_tensors(prototypes, new / PROTOTYPES)
        write_card(new, about)


def add_confidence(
    folder: Path, confidence: Mapping[str, float], prototypes: Mapping[str, Tensor], precision: str
) -> None:
    """Add the calibration of a captioner to its model folder.

    Args:
        folder: the model folder.
        confidence: what the card gets.
        prototypes: mean features of usual images.
        precision: that captions were computed in.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    card = read_card(folder) | {"confidence": confidence, "confidence_precision": precision}
    with _new_folder(folder) as new:
        for file in folder.iterdir():
            shutil.copyfile(file, new / file.name)
        save_tensors(prototypes, new / PROTOTYPES)
        write_card(new, card)


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    try:
        with atomic_folder(folder) as new:
            yield new
    except OSError as problem:
        raise UserError(f"The model folder {folder} cannot be written: {problem}.") from None


def write_card(folder: Path, fields: Mapping[str, Any]) -> None:
    """Write the card of a folder whose other files are there, with their hashes."""
    hashes = {file.name: file_sha256(file) for file in sorted(folder.iterdir()) if file.name != CARD}
    text = json.dumps({**fields, "sha256": hashes}, indent=2)
    (folder / CARD).write_text(text + "\n", encoding="utf-8")


def check_files(folder: Path, card: Card) -> None:
    """Refuse a model folder of which a file is not the one that was saved with the others.

    Args:
        folder: the model folder.
        card: its card; without hashes in it nothing is checked.

    Raises:
        UserError: a file is missing, damaged, or of another model.
    """
    for name, expected in card.get("sha256", {}).items():
        file = folder / Path(name).name
        if not file.is_file():
            raise UserError(f"{folder} is damaged: {file.name} is missing.")
        if file_sha256(file) != expected:
            what = "is not the file that was saved with this model: it is damaged or was changed."
            raise UserError(f"{file} {what} Options are changed on the command line.")


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
    return MODELS.name_in(load(folder / CONFIG).task)


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
    check_files(folder, card)
    config = load(folder / CONFIG, parts=changes)
    config.encoder = without_weight_files(config.encoder)
    package = card.get("encoder_package")
    if package is not None:
        check_package(package["name"], package["sha256"])
        config.encoder["weights_package"] = package["name"]
    kind = model_class(config)
    if not kind.default_search:
        config.search = {}  # a folder may have one though its model generates nothing
    kind.check(config)
    model = build_model(config, _read_words(folder / WORDS), card)
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
    check_files(folder, read_card(folder))
    return _read_words(folder / WORDS)


def _read_words(file: Path) -> Vocabulary:
    words = read_json(file)
    if not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
        raise UserError(f"{file} is damaged: it holds no list of words.")
    return Vocabulary(words)


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Read the weights of a model folder.

    Args:
        folder: the model folder.

    Returns:
        Tensors by their names in the state dict.

    Raises:
        UserError: the file is damaged, or holds numbers that are not finite.
    """
    return read_tensors(folder / WEIGHTS)


def read_prototypes(folder: Path) -> dict[str, Tensor] | None:
    """Read the mean features of usual images of a calibrated captioner.

    Args:
        folder: the model folder.

    Returns:
        Tensors by their names; None where there are none.

    Raises:
        UserError: as `read_weights`.
    """
    return read_tensors(folder / PROTOTYPES) if (folder / PROTOTYPES).is_file() else None


def without_weight_files(encoder: Component) -> Component:
    """Return an encoder's options without the source of its weights, which the model folder holds."""
    origins = {"weights": None, "weights_file": None, "weights_package": None, "pretrained": False}
    return {key: origins.get(key, value) for key, value in encoder.items()}
