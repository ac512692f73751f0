"""Read the rows of tables: CSV with any usual separator, or JSON lines."""

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from captioner.errors import UserError, nearest, quotation
from captioner.files.read import parse_json, read_text

SEPARATORS = ",\t|;"
ALIASES = {
    "image": ("file_name", "filename", "image_name"),
    "caption": ("text", "comment"),
}
"""Columns under other names: those of imagefolder and of Kaggle's copy of Flickr30k."""


class NumberedRow(NamedTuple):
    """A row of a table, and its line, from 1; a problem where it cannot be read."""

    line: int
    values: Mapping[str, Any]
    problem: str = ""


def table_rows(file: Path, needed: Collection[str]) -> Iterator[NumberedRow]:
    """Read the rows of a table by the names of its columns, or by their `ALIASES`.

    Args:
        file: JSON lines if its name ends so; else CSV, whose first line has the names of the columns.
        needed: columns that the table must have; they tell the separator of CSV.

    Yields:
        Rows that are not blank, in order.

    Raises:
        UserError: the file cannot be read, a needed column is missing, or a quote is never closed.
    """
    if file.suffix.lower() == ".jsonl":
        yield from _json_rows(file)
    else:
        yield from _csv_rows(file, needed)


def _json_rows(file: Path) -> Iterator[NumberedRow]:
    for number, line in enumerate(read_text(file).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values = parse_json(line, "it")
        except UserError as problem:
            yield NumberedRow(number, {}, str(problem))
            continue
        if isinstance(values, dict):
            yield NumberedRow(number, dict(zip(_renamed(list(values)), values.values(), strict=True)))
        else:
            yield NumberedRow(number, {}, f"it is not a JSON object: {quotation(values)}")


def _csv_rows(file: Path, needed: Collection[str]) -> Iterator[NumberedRow]:
    text = read_text(file)
    separator, header = _header(text.partition("\n")[0], needed)
    for column in needed:
        if column not in header:
            there = [name for name in header if name]
            raise UserError(f"{file}: the column {column!r} is missing. {nearest(column, there)}")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    next(rows)
    while True:
        try:
            values = next(rows, None)
        except csv.Error as error:
            if "unexpected end" in str(error):
                where = f"{file}, line {rows.line_num}"
                raise UserError(f"{where} is not CSV: a quote is never closed.") from None
            yield NumberedRow(rows.line_num, {}, f"it is not CSV: {error}")
            continue
        if values is None:
            return
        if values:
            yield _csv_row(rows.line_num, header, values)


def _header(line: str, needed: Collection[str]) -> tuple[str, list[str]]:
    """Return the separator of a table and the names of its columns: the first with which none is missing."""
    headers = {one: _renamed([name.strip() for name in _first_row(line, one)]) for one in SEPARATORS}
    fitting = (one for one, header in headers.items() if set(needed) <= set(header))
    separator = next(fitting, SEPARATORS[0])
    return separator, headers[separator]


def _first_row(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:
        return []


def _renamed(columns: Sequence[str]) -> list[str]:
    """Return names of columns, with the usual one for the first of its aliases where it is not there."""
    renamed = list(columns)
    for name, aliases in ALIASES.items():
        alias = next((one for one in aliases if one in renamed), None)
        if name not in renamed and alias is not None:
            renamed[renamed.index(alias)] = name
    return renamed


def _csv_row(line: int, header: Sequence[str], values: Sequence[str]) -> NumberedRow:
    named = dict(zip(header, values, strict=False))
    if not any(value.strip() for value in values):
        return NumberedRow(line, {}, "it is blank")
    if len(values) < len(header) or any(value.strip() for value in values[len(header) :]):
        wrong = f"it has {len(values)} values instead of {len(header)}"
        return NumberedRow(line, {}, f'{wrong}; a text with a comma is written in quotes: "One, two"')
    return NumberedRow(line, named)
