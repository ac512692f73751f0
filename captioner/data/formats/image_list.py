"""Read a list of the images of a folder: CSV, or JSON lines."""

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from captioner.data.files import read_text
from captioner.data.splits import SPLITS, split_of
from captioner.errors import UserError, nearest


class Columns(NamedTuple):
    """Columns that a file must have beside `image`, and those it may have beside `split`."""

    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Every column that is allowed."""
        return ("image", *self.needed, *self.optional, "split")


class ListedImage(NamedTuple):
    """A line of a file: its number, its image relative to the folder, its split if given, its values."""

    number: int
    image: str
    split: str | None
    values: Mapping[str, Any]


def find_list(folder: Path, stem: str, columns: Columns) -> Path:
    """Find `stem`.csv or `stem`.jsonl in a folder.

    Args:
        folder: the folder.
        stem: name of the file without its ending.
        columns: its columns, for the message.

    Returns:
        The file.

    Raises:
        UserError: neither is, or both are.
    """
    names = [f"{stem}.csv", f"{stem}.jsonl"]
    found = [name for name in names if (folder / name).is_file()]
    if len(found) != 1:
        needed = ", ".join(("image", *columns.needed))
        optional = ", ".join((*columns.optional, "split"))
        raise UserError(
            f"{folder} holds {' and '.join(found) or 'neither ' + ' nor '.join(names)}; "
            f"one of them is needed, with the columns {needed} and, if you like, {optional}."
        )
    return folder / found[0]


def read_list(file: Path, columns: Columns) -> Iterator[ListedImage]:
    """Read the lines of a file, CSV or JSON lines by its ending.

    Args:
        file: the file.
        columns: its columns.

    Yields:
        Its lines in order.

    Raises:
        UserError: a line, which is named, is not of the form, or has an image in another split than before.
    """
    splits: dict[str, str | None] = {}
    for number, values in (_csv_lines if file.suffix == ".csv" else _json_lines)(file, columns):
        line = _line(file, number, values)
        if splits.setdefault(line.image, line.split) != line.split:
            raise UserError(
                f"{file}, line {number}: {line.image} has split {line.split}, "
                f"but {splits[line.image]} on an earlier line."
            )
        yield line


def _csv_lines(file: Path, columns: Columns) -> Iterator[tuple[int, dict[str, Any]]]:
    lines = csv.reader(io.StringIO(read_text(file)), strict=True)
    try:
        header = [column.strip() for column in next(lines, [])]
        _check_columns(file, header, columns)
        for values in filter(None, lines):
            if len(values) != len(header):
                raise UserError(
                    f"{file}, line {lines.line_num} has {len(values)} values instead of {len(header)}; "
                    'a text with a comma is written in quotes: "One, two".'
                )
            yield lines.line_num, dict(zip(header, values, strict=True))
    except csv.Error as error:
        raise UserError(f"{file}, line {lines.line_num} is not CSV: {error}.") from None


def _json_lines(file: Path, columns: Columns) -> Iterator[tuple[int, dict[str, Any]]]:
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
        _check_columns(f"{file}, line {number}", values, columns)
        yield number, values


def _check_columns(where: object, found: Iterable[str], columns: Columns) -> None:
    there = list(found)
    for column in there:
        if column not in columns.all:
            raise UserError(f"{where}: there is no column {column!r}. {nearest(str(column), columns.all)}")
    for column in ("image", *columns.needed):
        if column not in there:
            raise UserError(f"{where}: the column {column!r} is missing. {nearest('', columns.all)}")


def _line(file: Path, number: int, values: Mapping[str, Any]) -> ListedImage:
    image = values["image"]
    if not isinstance(image, str) or not image.strip():
        raise UserError(f"{file}, line {number} names no image.")
    if "split" in values and str(values["split"]) not in SPLITS:
        split = values["split"]
        raise UserError(f"{file}, line {number}: the split is {split!r}. {nearest(str(split), SPLITS)}")
    split = SPLITS[str(values["split"])] if "split" in values else None
    return ListedImage(number, os.path.normpath(image.strip()), split, values)


def texts_of(file: Path, line: ListedImage, column: str) -> list[str]:
    """Return the texts of a column: it may hold one, in JSON lines also a list or nothing.

    Args:
        file: the file, for the message.
        line: a line of it.
        column: the column.

    Returns:
        The texts; an empty one where the column holds nothing.

    Raises:
        UserError: it holds something else.
    """
    cell = line.values.get(column)
    texts = cell if isinstance(cell, list) else ["" if cell is None else cell]
    if not all(isinstance(text, str) for text in texts):
        raise UserError(
            f"{file}, line {line.number}: the {column} is {cell!r:.60}, not text or a list of texts."
        )
    return texts


def divide(file: Path, lines: Sequence[ListedImage], fractions: Mapping[str, float]) -> dict[str, list[str]]:
    """Group images by split: as the file says, or by a hash of their names.

    Args:
        file: the file, for the message.
        lines: its lines.
        fractions: the shares of val and test where the file gives no split.

    Returns:
        The images of each split that has some, in the order of the file.

    Raises:
        UserError: there are none, only some have a split, or the hash leaves one without an image.
    """
    splits = {line.image: line.split for line in lines}
    if not splits:
        raise UserError(f"{file} names no picture.")
    unwritten = [image for image, split in splits.items() if split is None]
    if unwritten and len(unwritten) < len(splits):
        raise UserError(
            f"{file}: {unwritten[0]} has no split, other pictures have; write one for all or for none."
        )
    images: dict[str, list[str]] = {split: [] for split in ("train", "val", "test")}
    for image, split in splits.items():
        images[split or split_of(image.replace(os.sep, "/"), fractions)].append(image)
    for split, members in images.items():
        if unwritten and not members and fractions.get(split, 1) > 0:
            raise UserError(
                f"{file}: none of its {len(splits)} pictures fell to {split} by the hash of their names; "
                f"add pictures, or a column 'split'."
            )
    return {split: members for split, members in images.items() if members}
