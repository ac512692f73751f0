"""PictureCounts of a data set that cannot be used, or that are there twice."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from captioner.data.checks.report import listed
from captioner.images import UnreadableImage, load_image


class HasPictures(Protocol):
    """A source of captions or of questions."""

    def image(self, split: str, path: str) -> Any:
        """What `load_image` reads for a row."""


class Picture(NamedTuple):
    """A picture that was looked at: the hash of its file, or why there is none to be had."""

    name: str
    digest: str = ""
    is_missing: bool = False
    broken: str = ""


class PictureCounts(NamedTuple):
    """The pictures of a split that cannot be used; why, by name."""

    number: int
    missing: list[str]
    broken: dict[str, str]


class PictureReport(NamedTuple):
    """All pictures of a data set; `copies` are those whose files hold the same bytes, each with its split."""

    splits: dict[str, PictureCounts]
    copies: list[list[tuple[str, str]]]

    def lines(self) -> list[str]:
        """The pictures that something is wrong with, by name."""
        lines = []
        for name, split in self.splits.items():
            lines += listed(f"{name}: missing pictures", split.missing)
            lines += listed(f"{name}: broken pictures", list(split.broken.values()))
        groups = [(len({split for split, _ in group}) > 1, group) for group in self.copies]
        for title, wanted in (("copies across splits", True), ("copies within a split", False)):
            texts = [
                " = ".join(f"{split} {path}" for split, path in group)
                for across, group in groups
                if across is wanted
            ]
            lines += listed(title, texts)
        return lines


def look_at_all(source: HasPictures, paths: Mapping[str, Iterable[str]], progress: bool) -> PictureReport:
    """Decode the pictures with these paths, by split."""
    pictures = {split: _looked_at(source, split, list(names), progress) for split, names in paths.items()}
    groups: dict[str, list[tuple[str, str]]] = {}
    for split, looked in pictures.items():
        for picture in looked:
            if picture.digest:
                groups.setdefault(picture.digest, []).append((split, picture.name))
    return PictureReport(
        {split: _summed_up(looked) for split, looked in pictures.items()},
        [group for group in groups.values() if len(group) > 1],
    )


def _summed_up(pictures: list[Picture]) -> PictureCounts:
    return PictureCounts(
        len(pictures),
        [picture.name for picture in pictures if picture.is_missing],
        {picture.name: picture.broken for picture in pictures if picture.broken},
    )


def _looked_at(source: HasPictures, split: str, paths: list[str], progress: bool) -> list[Picture]:
    from tqdm import tqdm

    # Pillow decodes outside the interpreter's lock, so threads share the work.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        looked = pool.map(lambda path: _look_at(source, split, path), paths)
        return list(tqdm(looked, f"pictures of {split}", len(paths), disable=not progress))


def _look_at(source: HasPictures, split: str, path: str) -> Picture:
    picture = source.image(split, path)
    if isinstance(picture, Path) and not picture.exists():
        return Picture(path, is_missing=True)
    try:
        load_image(picture)
    except UnreadableImage as error:
        return Picture(path, broken=f"{path}: {error}" if isinstance(picture, bytes) else str(error))
    content = picture.read_bytes() if isinstance(picture, Path) else picture
    return Picture(path, hashlib.sha256(content).hexdigest())
