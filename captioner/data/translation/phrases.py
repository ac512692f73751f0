"""Phrases: pairs that the project makes itself, or those of a file of one's own."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from captioner.data.formats.tsv import read_pairs
from captioner.data.splits import shares, split_of
from captioner.data.translation.base import PAIR_SOURCES, PairRow, PairSource, pair_table
from captioner.errors import UserError
from captioner.pairs.make import make_pairs

if TYPE_CHECKING:
    from datasets import Dataset

MADE = 60_000


class SplitPair(NamedTuple):
    """A pair and its split."""

    row: PairRow
    split: str


@PAIR_SOURCES.register("phrases")
class Phrases(PairSource):
    """Pairs of a file; without one, numbers and dates in words and in figures (`captioner.pairs.make`).

    A line of the file is a source and its target with a tab between, then, if it is written, the split.
    Where it is not, a hash of the source decides. Of what is made, the hash of the value decides: no number
    and no date is in two splits, in whatever words. Numbers below 100 are all trained on: they are the words
    that the others are made of.

    Args:
        path: the file, UTF-8. A line that is no pair is named, counted and left out.
        num_pairs: how many at most, the first of the file (by default all); or how many are made (60,000).
        seed: other numbers and dates, and other splits where none is written.
        val_fraction: the share of val where no split is written.
        test_fraction: the same for test.
    """

    def __init__(
        self,
        path: str | None = None,
        num_pairs: int | None = None,
        seed: int = 0,
        val_fraction: float = 0.03,
        test_fraction: float = 0.05,
    ) -> None:
        if num_pairs is not None and num_pairs < 1:
            raise UserError(f"phrases: num_pairs must be at least 1, not {num_pairs}.")
        self.path = None if path is None else Path(path).expanduser()
        self.num_pairs = num_pairs
        self.seed = seed
        self.fractions = shares("phrases", val_fraction, test_fraction)

    def tables(self) -> "Mapping[str, Dataset]":
        """The tables of train, val and test, as far as they are wanted.

        Raises:
            UserError: the file cannot be read or has no pair, or a split comes out empty.
        """
        placed = list(self._made() if self.path is None else self._read(self.path))
        rows = {split: [row for row, own in placed if own == split] for split in ("train", "val", "test")}
        for split, own in rows.items():
            if not own and self.fractions.get(split, 1) > 0:
                raise UserError(
                    f"None of {len(placed):,} pairs is in {split}: add pairs, or write the split as a third "
                    "column."
                )
        return {split: pair_table(own) for split, own in rows.items() if own}

    def _made(self) -> Iterator[SplitPair]:
        for pair in make_pairs(self.num_pairs or MADE, self.seed):
            split = "train" if pair.is_basic else self._split_of(pair.value)
            yield SplitPair(PairRow(source=pair.source, target=pair.target, kind=pair.kind), split)

    def _read(self, file: Path) -> Iterator[SplitPair]:
        for source, target, split in islice(read_pairs(file), self.num_pairs):
            yield SplitPair(PairRow(source=source, target=target, kind=""), split or self._split_of(source))

    def _split_of(self, name: str) -> str:
        return split_of(f"{self.seed}/{name}", self.fractions)
