"""Hold out samples: as a file says, or by a hash of names, whatever the order, platform and Python."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

from captioner.errors import UserError, nearest

if TYPE_CHECKING:
    from datasets import Dataset

Rows = TypeVar("Rows")

SPLITS = {"train": "train", "val": "val", "validation": "val", "dev": "val", "test": "test"}
"""What people write, and what it is called here."""


def hold_out(names: Iterable[str], counts: Mapping[str, int], salt: str = "") -> dict[str, str]:
    """The split of each name: `counts[split]` of them in the order of their hashes, the others in train.

    Another `salt` holds out others. There must be more names than are held out.
    """
    by_hash = sorted(set(names), key=lambda name: hashlib.sha256(f"{salt}{name}".encode()).digest())
    held = [split for split, count in counts.items() for _ in range(count)]
    return dict(zip(by_hash, [*held, *["train"] * (len(by_hash) - len(held))], strict=True))


def shares(what: str, val_fraction: float, test_fraction: float) -> dict[str, float]:
    """The shares of val and test for `split_of`.

    Raises:
        UserError: they leave nothing to train on; `what` has the options.
    """
    fractions = {"val": val_fraction, "test": test_fraction}
    if min(fractions.values()) < 0 or sum(fractions.values()) >= 1:
        raise UserError(
            f"{what}: val_fraction={val_fraction} and test_fraction={test_fraction} must be shares "
            "that leave something to train on."
        )
    return fractions


def split_of(name: str, fractions: Mapping[str, float]) -> str:
    """The split of one name by itself: a name that is added later moves no other one."""
    digest = hashlib.sha256(name.encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    for split, fraction in fractions.items():
        if share < fraction:
            return split
        share -= fraction
    return "train"


def rows_of(tables: Mapping[str, Rows], split: str) -> Rows:
    """The rows of a split.

    Raises:
        UserError: there is no such split.
    """
    if split not in tables:
        raise UserError(f"The data has no split {split!r}. {nearest(split, tables)}")
    return tables[split]


def first_rows(rows: "Dataset", limit: int | None) -> "Dataset":
    """Return the first `limit` rows of a table, or all."""
    return rows.select(range(min(limit or len(rows), len(rows))))
