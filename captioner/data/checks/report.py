"""Print the counts that the check of a data set found."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

NAMED = 10  # entries that are printed of a longer list
SPREAD = "min / median / mean / 95 % / max"


class Spread(NamedTuple):
    """Quantiles and mean of counts: 95 % of them are at most `p95`; all are 0 where there are no counts."""

    smallest: int
    median: int
    mean: float
    p95: int
    largest: int

    def __str__(self) -> str:
        return f"{self.smallest} / {self.median} / {self.mean:.1f} / {self.p95} / {self.largest}"


def spread(counts: Sequence[int]) -> Spread:
    """Compute quantiles and mean of counts."""
    if not counts:
        return Spread(0, 0, 0.0, 0, 0)
    smallest, median, p95, largest = np.percentile(counts, [0, 50, 95, 100], method="inverted_cdf").tolist()
    return Spread(smallest, median, float(np.mean(counts)), p95, largest)


def by_split(measures: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return a line for each measure, by its title, with a column for each split."""
    splits = list(next(iter(measures.values())))
    lines = [f"{'':57}" + "".join(f"{split:>26}" for split in splits)]
    lines += [
        f"{title:57}" + "".join(f"{found[split]:>26}" for split in splits)
        for title, found in measures.items()
    ]
    return lines


def listed(title: str, entries: Sequence[str]) -> list[str]:
    """Return a count with the first entries below it; nothing where there are none."""
    more = [f"  ... and {len(entries) - NAMED:,} more"] if len(entries) > NAMED else []
    return (
        [f"{title}: {len(entries):,}", *(f"  {entry}" for entry in entries[:NAMED]), *more] if entries else []
    )
