"""Name the files that attention is drawn to, one for each image, question or text."""

from collections.abc import Sequence
from pathlib import Path

from captioner.errors import UserError
from captioner.files.outputs import check_file

ENDINGS = (".png", ".jpg", ".jpeg", ".webp")


def check_drawing(file: Path | None, endings: Sequence[str] = ENDINGS, option: str = "--attention") -> None:
    """Refuse a file that could not be drawn, before a model is loaded.

    Args:
        file: the value of the option; None: it was not given.
        endings: those of the formats that can be drawn.
        option: its name.

    Raises:
        UserError: its name has none of the endings that can be drawn, or it could not be written.
    """
    if file is not None and file.suffix.lower() not in endings:
        raise UserError(f"{option} draws {', '.join(endings)} files, not {file}.")
    check_file(file, option)


def numbered(file: Path, number: int, total: int) -> Path:
    """Return the file of one of several: `attention-3.png`, or the file itself where there is only one.

    Args:
        file: the value of `--attention`.
        number: of the image, question or text, from 1.
        total: how many there are.

    Returns:
        The file to write.
    """
    return file.with_stem(f"{file.stem}-{number}") if total > 1 else file
