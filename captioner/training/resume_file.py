"""Write the file that training resumes from, and make sure that it is whole before it is read."""

import os
import pickle
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from captioner.errors import UserError
from captioner.files.atomic_write import atomic_file

RESUME_FILE = "last.ckpt"
PREVIOUS_FILE = "previous.ckpt"


class ResumeFileIO(TorchCheckpointIO):
    """Write a checkpoint beside the one that it replaces, which is kept as `previous.ckpt`.

    At every moment one of the two files is whole, whatever kills the process or fills the disk, and nothing
    goes through the system's temporary folder.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        """Write, then put the file into its place.

        Args:
            checkpoint: what is saved.
            path: the file.
            storage_options: not used.

        Raises:
            UserError: the disk is full, or the folder cannot be written.
        """
        file = Path(path)
        try:
            with atomic_file(file) as stream:
                torch.save(checkpoint, stream)
                if file.is_file():
                    _copy(file, file.with_name(PREVIOUS_FILE))
        except (OSError, RuntimeError) as problem:  # torch's writer raises the latter on a full disk
            raise UserError(
                f"{file} cannot be written: {problem}. What was saved before is still there; make room and "
                f"go on with --resume {file.parent}."
            ) from None


def read_resume_file(file: Path) -> dict[str, Any]:
    """Read what training resumes from.

    Args:
        file: a whole file, as `check_resume_file` returns it.

    Returns:
        What was saved.

    Raises:
        UserError: it holds something else, or what another version of captioner saved.
    """
    problems = (pickle.UnpicklingError, KeyError, TypeError, IndexError, RuntimeError, EOFError, ValueError)
    try:
        stored: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        _ = stored["state_dict"], stored["DataModule"]["fingerprint"], stored["loops"]["fit_loop"]
    except problems:
        raise UserError(
            f"{file} is not a file to resume from, or one of another version of captioner."
        ) from None
    return stored


def check_same_data(stored: Mapping[str, Any], fingerprint: str, folder: Path) -> None:
    """Refuse to go on with other data.

    Args:
        stored: what training resumes from.
        fingerprint: of the data that are there.
        folder: the run's.

    Raises:
        UserError: the data have changed.
    """
    if stored["DataModule"]["fingerprint"] != fingerprint:
        raise UserError(
            f"The data of {folder} have changed since it was trained: it cannot be resumed. Bring the data "
            "back as they were, or start a new run (training.init_from goes on from its weights)."
        )


def _copy(file: Path, target: Path) -> None:
    """Give a file a second name; where the file system has no such thing, copy it."""
    target.unlink(missing_ok=True)
    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)


def check_resume_file(folder: Path) -> Path:
    """Make sure that a run can be resumed.

    Args:
        folder: the run's.

    Returns:
        The file to resume from.

    Raises:
        UserError: there is none, or it is damaged; every record of the file has a checksum.
    """
    file, previous = folder / RESUME_FILE, folder / PREVIOUS_FILE
    if not file.is_file():
        raise UserError(f"There is nothing to resume in {folder}: {RESUME_FILE} is missing.")
    if _is_whole(file):
        return file
    hint = ""
    if previous.is_file() and _is_whole(previous):
        hint = f" The one saved before it is whole: cp {previous} {file}"
    raise UserError(f"{file} is damaged: it cannot be resumed from.{hint}")


def _is_whole(file: Path) -> bool:
    """Whether the checksums of an archive's records are right."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, ValueError, RuntimeError):
        return False
