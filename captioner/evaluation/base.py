"""Define an evaluation: a function from a model folder to figures, registered under its task's name."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from captioner.registry import Registry

GREY = (128, 128, 128)


class Evaluation(NamedTuple):
    """The figures of an evaluation and the files it wrote.

    Attributes:
        title: of the table: what was evaluated, and how much of it.
        figures: by column, then by name; the first column is the split's own.
        files: what was written, by what it is.
        notes: what to know before reading the figures.
        digits: how many are printed.
    """

    title: str
    figures: dict[str, dict[str, float]]
    files: dict[str, Path]
    notes: Sequence[str] = ()
    digits: int = 3


EVALUATIONS: Registry[Evaluation] = Registry("evaluation", "captioner.evaluation")
"""By the name of the task: `evaluate(model, output, *, split, data, progress, ...) -> Evaluation`.

`model` and `output` are folders, `split` has a default, `data` is what was changed on the command line or
None, `progress` wraps an iterable, for a bar. Keyword arguments beside these are the options that the task
has: each is a flag of the same name in `captioner.commands.evaluate`; other flags are refused for the task.
`results.json` in `output` holds all that the figures depend on (`write_results`).
"""


def write_results(file: Path, about: Mapping[str, Any]) -> None:
    """Write figures with the date and the versions of what measured them."""
    packages = ("captioner", "torch", "pytorch-lightning")
    results = {
        **about,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {package: version(package) for package in packages},
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def grey_picture() -> bytes:
    """Return the file of a grey image, for the answers that a model gives without the image."""
    file = BytesIO()
    Image.new("RGB", (64, 64), GREY).save(file, "PNG")
    return file.getvalue()


def unreadable_notes(problems: Sequence[str]) -> list[str]:
    """Return notes on the first images that cannot be read, and how many there are."""
    named = [f"left out: {problem}" for problem in problems[:10]]
    return [*named, f"{len(problems)} pictures could not be read."] if problems else []
