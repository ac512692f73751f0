"""Check that results can be written, before anything is computed."""

import os
import tempfile
from pathlib import Path

from captioner.errors import UserError


def check_folder(folder: Path, option: str) -> None:
    """Refuse a folder that nothing could be written into; it may be yet to be made.

    Args:
        folder: where results will be written.
        option: what names it, for the message.

    Raises:
        UserError: says why.
    """
    existing = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not existing.is_dir():
        raise UserError(f"{option}: {existing} is no folder.")
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as problem:
        raise UserError(f"{option}: {existing} cannot be written into: {problem.strerror}.") from None


def check_file(file: Path | None, option: str) -> None:
    """Refuse a file that could not be written; make its folder.

    Args:
        file: where a result will be written; None: it is not asked for.
        option: what names it, for the message.

    Raises:
        UserError: says why.
    """
    if file is None:
        return
    check_folder(file.parent, option)
    if file.is_dir():
        raise UserError(f"{option}: {file} is a folder, not a file.")
    if file.exists() and not os.access(file, os.W_OK):
        raise UserError(f"{option}: {file} cannot be written.")
    file.parent.mkdir(parents=True, exist_ok=True)
