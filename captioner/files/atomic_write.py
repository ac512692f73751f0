"""Replace files and folders so that at every moment the old one or the new one is whole.

What is new is written beside what it replaces, on the same file system, brought to the disk and only then
renamed. Whatever kills the process or fills the disk, nothing is left half written.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_file(file: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that takes the place of another one when the block ends without an error.

    Args:
        file: the file to replace; its folder is made.

    Yields:
        A binary stream.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(file.name + ".partial")
    try:
        with partial.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    os.replace(partial, file)
    _to_disk(file.parent)


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Make a folder that takes the place of another one when the block ends without an error.

    Args:
        folder: the folder to replace.

    Yields:
        The new folder, empty, under another name.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    restore_folder(folder)
    prefix = f".{folder.name}.partial-"
    for left in folder.parent.glob(prefix + "*"):  # of processes that were killed
        shutil.rmtree(left, ignore_errors=True)
    new = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
    new.chmod(0o755)  # as mkdir makes it; a temporary one is for its owner alone
    try:
        yield new
        for file in [*new.iterdir(), new]:
            _to_disk(file)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    _exchange(new, folder)
    _to_disk(folder.parent)


def restore_folder(folder: Path) -> None:
    """Bring back a folder whose replacement was cut off between its two renames."""
    if not folder.exists() and _replaced(folder).is_dir():
        with suppress(OSError):  # another process was faster
            os.replace(_replaced(folder), folder)


def _exchange(new: Path, folder: Path) -> None:
    """Put a new folder into the place of another one, which is removed."""
    old = _replaced(folder)
    while True:
        if folder.exists():
            os.replace(folder, old)
        try:
            os.replace(new, folder)
            break
        except OSError:
            if not folder.exists():
                raise  # else a reader has just restored the old one
    shutil.rmtree(old, ignore_errors=True)


def _replaced(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.replaced")


def _to_disk(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    if os.name == "nt" and path.is_dir():  # Windows opens no folders
        return
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
