"""Walk through the images of a folder."""

import os
from collections.abc import Iterator
from pathlib import Path

from captioner.data.image_inputs.left_out import LeftOut
from captioner.image_formats import HOW_TO_READ, NOT_READ, SUFFIXES

TAR = ".tar"


def folder_files(folder: Path, left_out: LeftOut) -> Iterator[Path]:
    """Find the images and tar shards of a folder and its subfolders, in the order of their names.

    Of one folder at a time the names are in memory, about 80 bytes each; a folder that a link leads to is not
    entered.

    Args:
        folder: the folder.
        left_out: is told of images in formats that are not read, and of folders that cannot be opened.

    Yields:
        Files.
    """
    not_read: list[Path] = []
    for file in _files(folder, left_out):
        suffix = file.suffix.lower()
        if suffix in SUFFIXES or suffix == TAR:
            yield file
        elif suffix in NOT_READ:
            not_read.append(file)
    if not_read:
        how = {HOW_TO_READ[suffix] for file in not_read if (suffix := file.suffix.lower()) in HOW_TO_READ}
        text = f"left out: {len(not_read)} pictures in formats that are not read: {not_read[0]}"
        left_out.say("; ".join([text, *sorted(how)]))


def _files(folder: Path, left_out: LeftOut) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [
                entry.name + os.sep if entry.is_dir(follow_symlinks=False) else entry.name
                for entry in entries
                if entry.is_dir(follow_symlinks=False) or not entry.is_dir()
            ]
    except OSError as problem:
        left_out.file(folder, f"{folder} cannot be read: {problem.strerror}.")
        return
    for name in sorted(names, key=lambda name: name.removesuffix(os.sep)):
        if name.endswith(os.sep):
            yield from _files(folder / name, left_out)
        else:
            yield folder / name
