"""Write a Parquet file of the captions that are in JSON lines."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

from captioner.files.atomic_write import atomic_file

ROWS = 10_000
"""Of a row group: about 10 MB of JSON are in memory at once."""


def write_parquet(lines: Path, file: Path) -> None:
    """Write the captions of a file of JSON lines as Parquet: all of them, or nothing.

    Args:
        lines: the JSON lines.
        file: the Parquet file, which is replaced.
    """
    import pyarrow as pa
    from pyarrow import parquet

    caption = pa.struct(
        [
            *(("caption", pa.string()), ("log_prob", pa.float64()), ("score", pa.float64())),
            *(("words", pa.list_(pa.string())), ("word_log_probs", pa.list_(pa.float64()))),
            *(("finished", pa.bool_()), ("group", pa.int64()), ("proven", pa.bool_())),
            ("confidence", pa.float64()),
        ]
    )
    columns = [("image", pa.string()), ("captions", pa.list_(caption))]
    schema = pa.schema([*columns, ("unsure", pa.bool_()), ("error", pa.string())])
    with lines.open("rb") as stream, atomic_file(file) as target:
        rows = map(_row, stream)
        with parquet.ParquetWriter(target, schema) as writer:
            while group := list(islice(rows, ROWS)):
                writer.write_table(pa.Table.from_pylist(group, schema))


def _row(line: bytes) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(line)
    # A name may have bytes that are no UTF-8, which Parquet cannot hold.
    return row | {key: _utf8(row[key]) for key in ("image", "error") if row[key] is not None}


def _utf8(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
