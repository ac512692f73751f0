"""Your own pictures: a folder with a `captions.csv` or `captions.jsonl` that names them."""

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from captioner.data.base import DATASETS, CaptionRow, CaptionSource, table
from captioner.data.files import one_line_each, read_text
from captioner.errors import UserError, nearest

if TYPE_CHECKING:
    from datasets import Dataset

COLUMNS = ("image", "caption", "split")
SPLITS = {"train": "train", "val": "val", "validation": "val", "dev": "val", "test": "test"}


class Entry(NamedTuple):
    """One line of the file: a picture and some of its captions; no split where none is written."""

    line: int
    image: str
    captions: list[str]
    split: str | None


@DATASETS.register("folder")
class CaptionedFolder(CaptionSource):
    """A folder of pictures with `captions.csv` (first line `image,caption` or `image,caption,split`) or
    `captions.jsonl` (`{"image": ..., "caption": ..., "split": ...}` a line; `caption` may be a list).

    `image` is a path relative to the folder. A picture may be on several lines, one for each caption; one
    whose only caption is blank is kept without captions. Its id is its position among the pictures of the
    file. Where no split is written, a hash of `image` decides, so that a picture that is added later moves
    no other one.

    Args:
        folder: holds the file and the pictures.
        val_fraction: the share of pictures in val where no split is written.
        test_fraction: the same for test.
    """  # noqa: D205

    def __init__(self, folder: str, val_fraction: float = 0.1, test_fraction: float = 0.1) -> None:
        self.folder = Path(folder).expanduser().resolve()
        self.fractions = {"val": val_fraction, "test": test_fraction}
        if min(self.fractions.values()) < 0 or sum(self.fractions.values()) >= 1:
            raise UserError(
                f"folder: val_fraction={val_fraction} and test_fraction={test_fraction} must be shares "
                "that leave pictures to train on."
            )

    def tables(self) -> "Mapping[str, Dataset]":
        """The tables of train, val and test, as far as they are wanted.

        Raises:
            UserError: the file is missing or a line of it (which is named) is not of the form, or a split
                comes out empty.
        """
        file, read = self._file()
        rows: dict[str, CaptionRow] = {}
        splits: dict[str, str | None] = {}
        for entry in read(file):
            name = os.path.normpath(entry.image)
            if splits.setdefault(name, entry.split) != entry.split:
                raise UserError(
                    f"{file}, line {entry.line}: {name} has split {entry.split}, "
                    f"but {splits[name]} on an earlier line."
                )
            path = os.path.join(self.folder, name)
            row = rows.setdefault(name, CaptionRow(image_id=len(rows), path=path, captions=[]))
            row["captions"] += one_line_each(entry.captions)
        return {
            split: table(rows[name] for name in names) for split, names in self._divide(file, splits).items()
        }

    def _file(self) -> "tuple[Path, Callable[[Path], Iterator[Entry]]]":
        readers = {"captions.csv": _csv_entries, "captions.jsonl": _jsonl_entries}
        found = [name for name in readers if (self.folder / name).is_file()]
        if len(found) != 1:
            raise UserError(
                f"{self.folder} holds {' and '.join(found) or 'neither ' + ' nor '.join(readers)}; "
                "one of them is needed, with the columns image, caption and, if you like, split."
            )
        return self.folder / found[0], readers[found[0]]

    def _divide(self, file: Path, splits: Mapping[str, str | None]) -> dict[str, list[str]]:
        """Names of pictures by split, each list in the order of the file."""
        if not splits:
            raise UserError(f"{file} names no picture.")
        unwritten = [name for name, split in splits.items() if split is None]
        if unwritten and len(unwritten) < len(splits):
            raise UserError(
                f"{file}: {unwritten[0]} has no split, other pictures have; write one for all or for none."
            )
        names: dict[str, list[str]] = {split: [] for split in ("train", "val", "test")}
        for name, split in splits.items():
            names[split or self._split_of(name)].append(name)
        for split, members in names.items():
            if unwritten and not members and self.fractions.get(split, 1) > 0:
                raise UserError(
                    f"{file}: none of its {len(splits)} pictures fell to {split} by the hash of their names; "
                    f"add pictures, or a column 'split'."
                )
        return {split: members for split, members in names.items() if members}

    def _split_of(self, name: str) -> str:
        digest = hashlib.sha256(name.replace(os.sep, "/").encode()).digest()
        share = int.from_bytes(digest[:8], "big") / 2**64
        for split, fraction in self.fractions.items():
            if share < fraction:
                return split
            share -= fraction
        return "train"


def _csv_entries(file: Path) -> Iterator[Entry]:
    lines = csv.reader(io.StringIO(read_text(file)), strict=True)
    try:
        header = [column.strip() for column in next(lines, [])]
        _check_columns(file, header)
        for values in lines:
            if not values:
                continue
            if len(values) != len(header):
                raise UserError(
                    f"{file}, line {lines.line_num} has {len(values)} values instead of {len(header)}; "
                    'a caption with a comma is written in quotes: "One, two".'
                )
            yield _entry(file, lines.line_num, dict(zip(header, values, strict=True)))
    except csv.Error as error:
        raise UserError(f"{file}, line {lines.line_num} is not CSV: {error}.") from None


def _jsonl_entries(file: Path) -> Iterator[Entry]:
    for number, line in enumerate(read_text(file).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(
                f"{file}, line {number} is not JSON: {error.msg} (column {error.colno})."
            ) from None
        if not isinstance(values, dict):
            raise UserError(f"{file}, line {number} is not a JSON object: {line!r:.60}")
        _check_columns(f"{file}, line {number}", values)
        yield _entry(file, number, values)


def _check_columns(where: object, columns: "list[str] | dict[str, Any]") -> None:
    for column in columns:
        if column not in COLUMNS:
            raise UserError(f"{where}: there is no column {column!r}. {nearest(str(column), COLUMNS)}")
    for column in COLUMNS[:2]:
        if column not in columns:
            raise UserError(f"{where}: the column {column!r} is missing. {nearest('', COLUMNS)}")


def _entry(file: Path, line: int, values: dict[str, Any]) -> Entry:
    image, caption, split = (values.get(column) for column in COLUMNS)
    captions = caption if isinstance(caption, list) else ["" if caption is None else caption]
    if not isinstance(image, str) or not image.strip():
        raise UserError(f"{file}, line {line} names no image.")
    if not all(isinstance(text, str) for text in captions):
        raise UserError(f"{file}, line {line}: the caption is {caption!r:.60}, not text or a list of texts.")
    if "split" in values and str(split) not in SPLITS:
        raise UserError(f"{file}, line {line}: the split is {split!r}. {nearest(str(split), SPLITS)}")
    return Entry(line, image.strip(), captions, SPLITS[str(split)] if "split" in values else None)
