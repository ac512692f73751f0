"""The card of a model folder: what the model needs to remember, where it comes from, what it was scored."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

from captioner.errors import UserError
from captioner.files.atomic_write import restore_folder
from captioner.files.read import read_json

FORMAT_VERSION = 2
WEIGHTS, CONFIG, WORDS, CARD = "model.safetensors", "config.yaml", "vocabulary.json", "card.json"
SHOWN = ("cider_d", "bleu4", "accuracy", "exact", "bits_per_character", "loss")
"""Figures of validation by which a model is summed up: the first that it has."""


class EncoderPackage(BaseModel):
    """The package that has the encoder's weights: its name, and the hash of its file."""

    model_config = ConfigDict(strict=True)

    name: str
    sha256: str


class CardFields(BaseModel):
    """The fields of a card that are read again, for their types; it may have others.

    `sha256` has the hash of every other file of the folder: weights, words and config belong together.
    """

    model_config = ConfigDict(strict=True, extra="allow")

    sha256: dict[str, str] = {}
    preprocessing: dict[str, Any] = {}
    answers: list[str] = []
    text: dict[str, int | str] = {}
    encoder_package: EncoderPackage | None = None
    confidence: dict[str, FiniteFloat] = {}
    data: dict[str, Any] = {}
    epoch: int = 0
    validation: dict[str, float] = {}
    summary: str = ""
    about: dict[str, str] = {}
    versions: dict[str, str] = {}


class Card(dict[str, Any]):
    """The fields of a card; to ask for one that is not there is refused with a sentence.

    Args:
        file: where they come from.
        fields: by their names.
    """

    def __init__(self, file: Path, fields: Mapping[str, Any]) -> None:
        super().__init__(fields)
        self.file = file

    def __missing__(self, key: str) -> Any:
        raise UserError(f"{self.file} has no {key!r}, which the model needs.")


def read_card_file(file: Path) -> Card:
    """Read a card.

    Args:
        file: the card of a model folder.

    Returns:
        Its fields.

    Raises:
        UserError: it is no card, one of another format, or a field is not right.
    """
    fields = read_json(file)
    if not isinstance(fields, dict):
        raise UserError(f"{file} is damaged: it holds no fields.")
    if (found := fields.get("format_version")) != FORMAT_VERSION:
        raise UserError(
            f"{file.parent} has format {found}, but this version of captioner reads format {FORMAT_VERSION}: "
            "train the model again."
        )
    try:
        CardFields.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"{file} is damaged: {where}: {first['msg'].lower()}.") from None
    return Card(file, fields)


def read_card(folder: Path) -> Card:
    """Read what is known of a model beside its weights.

    Args:
        folder: the model folder.

    Returns:
        The card: format, task state, versions, data, validation.

    Raises:
        UserError: there is no model folder, one of another format, or a damaged one.
    """
    restore_folder(folder)
    for name in (WEIGHTS, CONFIG, WORDS, CARD):
        if not (folder / name).is_file():
            raise UserError(f"{folder} is not a model folder: {name} is missing.")
    return read_card_file(folder / CARD)


def summary(card: Mapping[str, Any]) -> str:
    """Return the first line of a card: what the model is for, or what it was trained on."""
    if text := card.get("summary"):
        return str(text)
    figures = {key.removeprefix("val/"): value for key, value in card.get("validation", {}).items()}
    best = next((f", {name} {figures[name]:.3f} of val" for name in SHOWN if name in figures), "")
    return f"trained on {card.get('data', {}).get('name', 'unknown data')}, epoch {card.get('epoch')}{best}"


def card_text(card: Mapping[str, Any]) -> str:
    """Return a card as text for people: its first line, then what was written about the model."""
    about: Mapping[str, str] = card.get("about", {})
    lines = [summary(card), *(f"\n{title}\n  {text}" for title, text in about.items())]
    if not about:
        lines += [f"{key}: {value:.4g}" for key, value in card.get("validation", {}).items()]
    return "\n".join(lines)
