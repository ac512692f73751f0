"""Hold out samples by a hash of their names, which no order of files, platform or Python changes."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from captioner.errors import UserError, nearest

if TYPE_CHECKING:
    from datasets import Dataset

Rows = TypeVar("Rows")

SPLITS = {"train": "train", "val": "val", "validation": "val", "dev": "val", "test": "test"}
"""Names of splits in files, and ours."""
READ_AT_ONCE = 1000  # rows of a table


def hold_out(names: Iterable[str], counts: Mapping[str, int], salt: str = "") -> dict[str, str]:
    """Assign each name to a split: the first in the order of their hashes are held out, the others are train.

    Args:
        names: names of samples, more than are held out.
        counts: how many names each split takes out of train.
        salt: a prefix of every name; another one holds out other names.

    Returns:
        The split of each name.
    """
    by_hash = sorted(set(names), key=lambda name: hashlib.sha256(f"{salt}{name}".encode()).digest())
    held = [split for split, count in counts.items() for _ in range(count)]
    return dict(zip(by_hash, [*held, *["train"] * (len(by_hash) - len(held))], strict=True))


def shares(what: str, val_fraction: float, test_fraction: float) -> dict[str, float]:
    """Return the shares of val and test for `split_of`.

    Args:
        what: the data set that has these options, for the message.
        val_fraction: the share of val.
        test_fraction: the share of test.

    Returns:
        The share of each split but train.

    Raises:
        UserError: they leave nothing to train on.
    """
    fractions = {"val": val_fraction, "test": test_fraction}
    if min(fractions.values()) < 0 or sum(fractions.values()) >= 1:
        raise UserError(
            f"{what}: val_fraction={val_fraction} and test_fraction={test_fraction} must be shares "
            "that leave something to train on."
        )
    return fractions


def split_of(name: str, fractions: Mapping[str, float]) -> str:
    """Return the split of a name by its hash alone: a name that is added later moves no other."""
    digest = hashlib.sha256(name.encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    for split, fraction in fractions.items():
        if share < fraction:
            return split
        share -= fraction
    return "train"


def rows_of(tables: Mapping[str, Rows], split: str) -> Rows:
    """Return the rows of a split.

    Args:
        tables: the rows of every split.
        split: its name.

    Returns:
        Its rows.

    Raises:
        UserError: there is no such split.
    """
    if split not in tables:
        raise UserError(f"The data has no split {split!r}. {nearest(split, tables)}")
    return tables[split]


def fingerprint_of(tables: "Mapping[str, Dataset]") -> str:
    """Return a hash of the rows that are trained on and validated with."""
    digest = hashlib.sha256()
    for split in ("train", "val"):
        for row in each_row(tables[split]) if split in tables else ():
            digest.update(json.dumps(row, default=repr).encode())
        digest.update(b"\n")
    return digest.hexdigest()


def each_row(rows: "Dataset") -> Iterator[dict[str, Any]]:
    """Iterate over the rows of a table; many are read at a time, which is 30 times as fast as one by one."""
    for part in rows.iter(READ_AT_ONCE):
        columns = list(part.values())
        yield from (dict(zip(part, values, strict=True)) for values in zip(*columns, strict=True))


def first_split(tables: Mapping[str, object]) -> str:
    """Return the split that a check takes words from.

    Args:
        tables: the rows of every split.

    Returns:
        Train, or the first split where there is no train.

    Raises:
        UserError: there is no split.
    """
    if not tables:
        raise UserError("The data set is empty: it has no split.")
    return "train" if "train" in tables else next(iter(tables))


def first_rows(rows: "Dataset", limit: int | None) -> "Dataset":
    """Return the first `limit` rows of a table, or all."""
    return rows.select(range(min(limit or len(rows), len(rows))))
