"""Read a list of the images of a folder: CSV, JSON lines, or a text beside each image."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from captioner.data.formats.table_rows import NumberedRow, table_rows
from captioner.data.records import read_each
from captioner.data.splits import SPLITS, split_of
from captioner.errors import UserError, nearest, printable, quotation
from captioner.files.read import encodable


class Columns(NamedTuple):
    """Columns that a file must have beside `image`, and those it may have beside `split`.

    Attributes:
        needed: columns that must be there.
        optional: columns that may be there; others are not read.
        filled: those whose text may not be blank.
    """

    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Every column that is read."""
        return ("image", *self.needed, *self.optional, "split")


class ListedImage(NamedTuple):
    """A line of a file: its image relative to the folder, its split if given, the texts of its columns."""

    image: str
    split: str | None
    texts: Mapping[str, list[str]]


def find_list(folder: Path, stem: str, others: Sequence[str] = ()) -> Path | None:
    """Find `stem`.csv or `stem`.jsonl in a folder, in any case.

    Args:
        folder: the folder.
        stem: name of the file without its ending.
        others: names to look for where neither is there, the first before the others.

    Returns:
        The file, or None.

    Raises:
        UserError: both are there.
    """
    there = {name.lower(): name for name in sorted(os.listdir(folder))} if folder.is_dir() else {}
    found = [there[name] for name in _names(stem) if name in there]
    if len(found) > 1:
        raise UserError(f"{folder} holds {' and '.join(found)}; only one of them can be read.")
    found += [there[name] for name in others if name in there]
    return folder / found[0] if found else None


def no_list(folder: Path, stem: str, columns: Columns) -> UserError:
    """Return the error of a folder in which `find_list` finds nothing.

    Args:
        folder: the folder.
        stem: name of the file that is missing, without its ending.
        columns: its columns.

    Returns:
        A sentence on what is needed.
    """
    needed = ", ".join(("image", *columns.needed))
    optional = ", ".join((*columns.optional, "split"))
    return UserError(
        f"{folder} holds neither {' nor '.join(_names(stem))}; "
        f"one of them is needed, with the columns {needed} and, if you like, {optional}."
    )


def _names(stem: str) -> list[str]:
    return [f"{stem}.csv", f"{stem}.jsonl"]


def read_list(file: Path, columns: Columns) -> list[ListedImage]:
    """Read the lines of a file; one that cannot be used is named, counted and left out.

    Args:
        file: the file.
        columns: its columns; others are named on standard error.

    Returns:
        Its lines in order.

    Raises:
        UserError: no line can be used, a column is missing, or the file cannot be read.
    """
    splits: dict[str, str | None] = {}
    unused: dict[str, None] = {}

    def read(row: NumberedRow) -> ListedImage:
        unused.update(dict.fromkeys(name for name in row.values if name not in columns.all))
        line = _line(row, columns)
        if splits.setdefault(line.image, line.split) != line.split:
            raise UserError(
                f"line {row.line}: {line.image} has split {line.split}, "
                f"but {splits[line.image]} on an earlier line"
            )
        return line

    lines = read_each(file, "lines", table_rows(file, ("image", *columns.needed)), read)
    if unused:
        names = ", ".join(repr(name) for name in unused)
        print(printable(f"{file}: columns that are not used: {names}"), file=sys.stderr)
    return lines


def _line(row: NumberedRow, columns: Columns) -> ListedImage:
    where, values = f"line {row.line}", row.values
    if row.problem:
        raise UserError(f"{where}: {row.problem}.")
    for column in ("image", *columns.needed):
        if column not in values:
            raise UserError(f"{where}: the column {column!r} is missing. {nearest(column, values)}")
    image = values["image"]
    if not isinstance(image, str) or not image.strip():
        raise UserError(f"{where} names no image.")
    if "split" in values and str(values["split"]) not in SPLITS:
        split = values["split"]
        raise UserError(f"{where}: the split is {quotation(split)}. {nearest(str(split), SPLITS)}")
    split = SPLITS[str(values["split"])] if "split" in values else None
    read = [column for column in (*columns.needed, *columns.optional) if column in values]
    texts = {column: _texts(where, column, values[column]) for column in read}
    for column in columns.filled:
        if not "".join(texts[column]).strip():
            raise UserError(f"{where}: the {column} is blank.")
    return ListedImage(os.path.normpath(encodable(image.strip())), split, texts)


def _texts(where: str, column: str, cell: Any) -> list[str]:
    """Return the texts of a cell: it may hold one, in JSON lines also a list or nothing."""
    texts = cell if isinstance(cell, list) else ["" if cell is None else cell]
    if not all(isinstance(text, str) for text in texts):
        raise UserError(f"{where}: the {column} is {quotation(cell)}, not text or a list of texts.")
    return texts


def divide(file: Path, lines: Sequence[ListedImage], fractions: Mapping[str, float]) -> dict[str, list[str]]:
    """Group images by split: as the file says, or by a hash of their names, which is said.

    Args:
        file: the file, or the folder of images, for the message.
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
    if unwritten:
        counts = " and ".join(f"{len(images[split]):,} are {split}" for split in ("val", "test"))
        print(f"{file}: no split is written: of its pictures {counts}, by their names", file=sys.stderr)
    return {split: members for split, members in images.items() if members}
