"""Find the images of a data set that cannot be used, or that are there twice."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from captioner.data.checks.report import listed
from captioner.data.images import ImageSourceOfSplit
from captioner.image_reader import read_batches
from captioner.images import ImageSource
from captioner.packed_image import PackedImage, encoded_bytes
from captioner.progress import progress_bar

BATCH_SIZE = 64


class CheckedImage(NamedTuple):
    """An image that was decoded: the hash of its file, or why it cannot be used."""

    name: str
    digest: str = ""
    is_missing: bool = False
    broken: str = ""


class ImageCounts(NamedTuple):
    """The images of a split: how many, and those that cannot be used; why, by name."""

    number: int
    missing: list[str]
    broken: dict[str, str]


class ImageReport(NamedTuple):
    """All images of a data set; `copies` are those whose files hold the same bytes, each with its split."""

    splits: dict[str, ImageCounts]
    copies: list[list[tuple[str, str]]]

    def lines(self) -> list[str]:
        """Return a line for each image that cannot be used or is there twice."""
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


def check_images(
    source: ImageSourceOfSplit, paths: Mapping[str, Iterable[str]], progress: bool
) -> ImageReport:
    """Decode all images of a data set.

    Args:
        source: gives the file or the bytes of an image.
        paths: their paths, by split.
        progress: whether to show a progress bar.

    Returns:
        What is wrong with them.
    """
    checked = {split: list(_checked(source, split, list(own), progress)) for split, own in paths.items()}
    groups: dict[str, list[tuple[str, str]]] = {}
    for split, images in checked.items():
        for image in images:
            if image.digest:
                groups.setdefault(image.digest, []).append((split, image.name))
    return ImageReport(
        {split: _counts(images) for split, images in checked.items()},
        [group for group in groups.values() if len(group) > 1],
    )


def _counts(images: list[CheckedImage]) -> ImageCounts:
    return ImageCounts(
        len(images),
        [image.name for image in images if image.is_missing],
        {image.name: image.broken for image in images if image.broken},
    )


def _checked(
    source: ImageSourceOfSplit, split: str, paths: list[str], progress: bool
) -> Iterator[CheckedImage]:
    # The source is part of the key: its bytes are hashed, too.
    keyed = (((path, image), image) for path in paths for image in [source.image(split, path)])
    with progress_bar(total=len(paths), desc=f"pictures of {split}", disable=not progress) as bar:
        for batch in read_batches(keyed, lambda key, _: _digest(key[1]), BATCH_SIZE):
            for (path, image), digest, problem in batch:
                yield _entry(path, image, digest, problem)
                bar.update()


def _entry(path: str, source: ImageSource, digest: str | None, problem: str | None) -> CheckedImage:
    if digest is not None:
        return CheckedImage(path, digest)
    if isinstance(source, Path) and not os.path.exists(source):
        return CheckedImage(path, is_missing=True)
    return CheckedImage(path, broken=f"{path}: {problem}" if isinstance(source, bytes) else str(problem))


def _digest(source: ImageSource) -> str:
    assert isinstance(source, Path | bytes | PackedImage)
    return hashlib.sha256(encoded_bytes(source)).hexdigest()
