"""A model folder: weights, config, words and card, all that using a trained model takes. No pickle."""

import json
import os
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from captioner.config import Component, from_mapping, load
from captioner.errors import UserError
from captioner.training.task import TASKS, Task
from captioner.vocabulary import Vocabulary

FORMAT_VERSION = 1
WEIGHTS, CONFIG, WORDS, CARD = "model.safetensors", "config.yaml", "vocabulary.json", "card.json"


def save_model(task: Task, folder: Path, card: dict[str, Any]) -> None:
    """Write a model folder; an older one of that name is replaced as a whole, never half.

    `card` says where the model comes from (data, split, scores); the format, the versions of what
    computes, and what the task needs to remember are added.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    new.chmod(0o755)
    save_file({k: v.detach().cpu().contiguous() for k, v in task.state_dict().items()}, new / WEIGHTS)
    (new / CONFIG).write_text(task.config.to_yaml(), encoding="utf-8")
    task.vocabulary.save(new / WORDS)
    packages = ("torch", "torchvision", "pytorch-lightning", "captioner")
    about = {
        "format_version": FORMAT_VERSION,
        **task.to_card(),
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
    """What is said of a model.

    Raises:
        UserError: there is no model folder, or one of a newer format.
    """
    for name in (WEIGHTS, CONFIG, WORDS, CARD):
        if not (folder / name).is_file():
            raise UserError(f"{folder} is not a model folder: {name} is missing.")
    card: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
    if card.get("format_version") != FORMAT_VERSION:
        found = card.get("format_version")
        raise UserError(
            f"{folder} has format {found}; this version of captioner reads format {FORMAT_VERSION}."
        )
    return card


def trained_task(folder: Path) -> str:
    """The name of the task that a model was trained for.

    Raises:
        UserError: as `read_card`.
    """
    read_card(folder)
    return str(load(folder / CONFIG).task["name"])


def load_model(folder: Path, changes: dict[str, Component] | None = None) -> Task:
    """A trained model, ready to use. `changes` puts other components in place of those in its config.

    Raises:
        UserError: the folder is not one, or its parts do not fit together.
    """
    card = read_card(folder)
    values = OmegaConf.to_container(OmegaConf.load(folder / CONFIG))
    assert isinstance(values, dict)
    config = from_mapping({str(k): v for k, v in values.items()} | (changes or {}), str(folder / CONFIG))
    weightless = _without_weight_files(config.encoder)
    vocabulary = Vocabulary.load(folder / WORDS)
    config.encoder = weightless
    task = TASKS.build(config.task, config=config, vocabulary=vocabulary, card=card)
    try:
        task.load_state_dict(load_file(folder / WEIGHTS))
    except (RuntimeError, SafetensorError) as error:
        first = str(error).strip().splitlines()[-1].strip()
        raise UserError(f"{folder / WEIGHTS} does not fit {CONFIG}: {first}") from None
    task.from_card(card)
    return task.eval()


def _without_weight_files(encoder: Component) -> Component:
    """The encoder's options without where its weights came from: they are in the folder."""
    origins = {"weights": None, "weights_file": None, "pretrained": False}
    return {key: origins.get(key, value) for key, value in encoder.items()}
