"""What every evaluation is: a function from a model folder to figures, registered under its task's name."""

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
    """What an evaluation found, and where it wrote it; the command prints all of it, for every task alike."""

    title: str  # of the table: what was looked at, and how much of it
    figures: dict[str, dict[str, float]]  # by column, then by name; the first column is the split's own
    files: dict[str, Path]  # what was written, by what it is
    notes: Sequence[str] = ()  # what to know before reading the figures
    digits: int = 3


EVALUATIONS: Registry[Evaluation] = Registry("evaluation", "captioner.app.evaluation")
"""By the name of the task: `evaluate(model, output, *, split, data, progress, ...) -> Evaluation`.

`model` and `output` are folders, `split` has a default, `data` is what was override_search on the command line or
None, `progress` wraps an iterable, for a bar. Keyword arguments beside these are the options that the task
has: each is a flag of the same name in `captioner.commands.evaluate`; other flags are refused for the task.
`results.json` in `output` holds all that the figures depend on (`write_results`).
"""


def write_results(file: Path, about: Mapping[str, Any]) -> None:
    """What was measured, with the date and the versions of what measured it."""
    packages = ("captioner", "torch", "pytorch-lightning")
    results = {
        **about,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {package: version(package) for package in packages},
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def grey_picture() -> bytes:
    """The file of a picture of nothing, to see what a model says without having seen anything."""
    file = BytesIO()
    Image.new("RGB", (64, 64), GREY).save(file, "PNG")
    return file.getvalue()


def left_out(problems: Sequence[str]) -> list[str]:
    """Notes on the first pictures that cannot be read, and how many there are."""
    named = [f"left out: {problem}" for problem in problems[:10]]
    return [*named, f"{len(problems)} pictures could not be read."] if problems else []
