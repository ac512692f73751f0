"""The files that attention is drawn to, one for each picture, question or text."""

from collections.abc import Sequence
from pathlib import Path

from captioner.errors import UserError

ENDINGS = (".png", ".jpg", ".jpeg", ".webp")


def check_drawing(file: Path, endings: Sequence[str] = ENDINGS) -> None:
    """Refuse a file that could not be written, before a model is loaded.

    Raises:
        UserError: its name has none of the endings that can be drawn, or its folder is not there.
    """
    if file.suffix.lower() not in endings:
        raise UserError(f"--attention draws {', '.join(endings)} files, not {file}.")
    if not file.parent.is_dir():
        raise UserError(f"--attention: there is no folder {file.parent}.")


def numbered(file: Path, number: int, total: int) -> Path:
    """The file of one out of `total`: looked-3.png, or the file itself where there is one."""
    return file.with_stem(f"{file.stem}-{number}") if total > 1 else file
