"""Read lists of images: a text with a path a line, a table with a column of them, Parquet."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from captioner.data.formats.table_rows import table_rows
from captioner.data.image_inputs.left_out import LeftOut
from captioner.errors import UserError

COLUMNS = ("image", "path", "file_name")
"""Of a Parquet file; the first that is there is read."""
BATCH = 64
"""Rows of a Parquet file that are in memory at once, with their images' bytes where it holds them."""


def text_paths(file: Path, left_out: LeftOut) -> Iterator[tuple[str, Path]]:
    """Read a text with a path a line.

    Args:
        file: the list.
        left_out: is told of lines that are not text.

    Yields:
        Each path as it is written, and the file relative to the list's folder.
    """
    with file.open(encoding="utf-8-sig", errors="surrogateescape") as lines:  # as Python writes file names
        for line in lines:
            if path := line.strip():
                yield path, _beside(file, path)


def table_paths(file: Path, left_out: LeftOut) -> Iterator[tuple[str, Path]]:
    """Read a CSV or JSON lines with a column `image`, or `file_name`.

    Args:
        file: the table.
        left_out: is told of rows that name no image.

    Yields:
        Each path as it is written, and the file relative to the table's folder.

    Raises:
        UserError: the table cannot be read, or has no such column.
    """
    for row in table_rows(file, ("image",)):
        image = row.values.get("image")
        if isinstance(image, str) and image.strip():
            yield image.strip(), _beside(file, image.strip())
        else:
            left_out.row(file, f"line {row.line}: {row.problem or 'it names no image'}")


def parquet_images(
    file: Path, left_out: LeftOut, with_bytes: bool = True
) -> Iterator[tuple[str, Path | bytes]]:
    """Read a Parquet file with a column of paths, or of images as Hugging Face's datasets stores them.

    Args:
        file: the file.
        left_out: is told of rows that name no image.
        with_bytes: whether bytes are read, or only names.

    Yields:
        Paths as they are written with the file relative to the table's; or names with the images'
        bytes. A row of bytes without a name is called by its number.

    Raises:
        UserError: the file is no Parquet file, or has no such column.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.ParquetFile(file)
        column = _column(file, table.schema_arrow.names)
        whole = with_bytes or not pa.types.is_struct(table.schema_arrow.field(column).type)
        batches = table.iter_batches(BATCH, columns=[column if whole else f"{column}.path"])
        number = 0
        for batch in batches:
            for cell in batch.column(0).to_pylist():
                number += 1
                found = _image(file, number, cell)
                if found is None:
                    left_out.row(file, f"row {number}: it names no image")
                else:
                    yield found
    except (pa.ArrowException, OSError) as problem:
        if isinstance(problem, FileNotFoundError):
            raise UserError(f"There is no file {file}.") from None
        left_out.file(file, f"{file} cannot be read to its end: {problem}.")


def _column(file: Path, names: list[str]) -> str:
    column = next((one for one in COLUMNS if one in names), None)
    if column is None:
        raise UserError(f"{file} has none of the columns {', '.join(COLUMNS)}: {', '.join(names)}.")
    return column


def parquet_names(file: Path, left_out: LeftOut) -> Iterator[tuple[str, Path | bytes]]:
    """Read the names of `parquet_images` without the bytes."""
    return parquet_images(file, left_out, with_bytes=False)


def _image(file: Path, number: int, cell: Any) -> tuple[str, Path | bytes] | None:
    if isinstance(cell, str) and cell.strip():
        return cell, _beside(file, cell)
    if not isinstance(cell, dict):
        return None
    name, content = cell.get("path"), cell.get("bytes")
    if isinstance(name, str) and content is None:
        return name, _beside(file, name)
    return name or f"{file.name}:{number}", content or b""


def _beside(file: Path, path: str) -> Path:
    return file.parent / os.path.expanduser(path)
