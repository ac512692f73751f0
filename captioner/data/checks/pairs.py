"""Check a set of pairs: lengths, symbols that are not learnt, sources with several targets."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from captioner.data.checks.report import SPREAD, Spread, by_split, listed, spread
from captioner.data.splits import first_split
from captioner.data.translation.base import PairSource
from captioner.data.translation.symbols import Symbols, Unit
from captioner.vocabulary import SPECIAL, UNK

if TYPE_CHECKING:
    from datasets import Dataset


class PairSplitReport(NamedTuple):
    """One split; lengths are in symbols."""

    pairs: int
    source_lengths: Spread
    target_lengths: Spread
    unlearnt: int
    repeated: int
    too_long: int


ROWS: dict[str, Callable[[PairSplitReport], str]] = {
    "pairs": lambda split: f"{split.pairs:,}",
    "  with a symbol that is not known": lambda split: f"{split.unlearnt:,}",
    "  whose source has another target too": lambda split: f"{split.repeated:,}",
    "  whose target is longer than search.max_length": lambda split: f"{split.too_long:,}",
    f"symbols a source, {SPREAD}": lambda split: str(split.source_lengths),
    f"symbols a target, {SPREAD}": lambda split: str(split.target_lengths),
}


class PairReport(NamedTuple):
    """Counts of a set of pairs; prints as a table."""

    symbols: Symbols
    min_count: int
    splits: dict[str, PairSplitReport]
    unlearnt: list[str]

    def __str__(self) -> str:
        rows = {title: {n: row(split) for n, split in self.splits.items()} for title, row in ROWS.items()}
        number = len(self.symbols.vocabulary) - len(SPECIAL)
        known = f"known: {number:,} {self.symbols.unit}, {self.min_count} times or more in train"
        return "\n".join([*by_split(rows), known, *listed("pairs with a symbol not known", self.unlearnt)])


def check_pairs(source: PairSource, unit: Unit, min_count: int, max_length: int) -> PairReport:
    """Read every pair and count. Known symbols are those of train, or of the first split without a train.

    Args:
        source: the pairs.
        unit: whether symbols are characters or words.
        min_count: how often a symbol must occur to be known.
        max_length: the longest target that a search generates, in symbols with the end.

    Returns:
        Counts of each split.

    Raises:
        UserError: the pairs cannot be read.
    """
    tables = source.tables()
    train = tables[first_split(tables)]
    symbols = Symbols.of([*train["source"][:], *train["target"][:]], unit, min_count)
    unlearnt = {split: _unlearnt(rows, symbols) for split, rows in tables.items()}
    return PairReport(
        symbols=symbols,
        min_count=min_count,
        splits={
            split: _split(rows, symbols, len(unlearnt[split]), max_length) for split, rows in tables.items()
        },
        unlearnt=[f"{split}: {text}" for split, texts in unlearnt.items() for text in texts],
    )


def _unlearnt(rows: "Dataset", symbols: Symbols) -> list[str]:
    pairs = zip(rows["source"][:], rows["target"][:], strict=True)
    return [" -> ".join(pair) for pair in pairs if any(UNK in symbols.encode(text) for text in pair)]


def _split(rows: "Dataset", symbols: Symbols, unlearnt: int, max_length: int) -> PairSplitReport:
    lengths = {key: [len(symbols.split(text)) for text in rows[key][:]] for key in ("source", "target")}
    targets: dict[str, set[str]] = {}
    for row in rows:
        targets.setdefault(row["source"], set()).add(row["target"])
    return PairSplitReport(
        pairs=len(rows),
        source_lengths=spread(lengths["source"]),
        target_lengths=spread(lengths["target"]),
        unlearnt=unlearnt,
        repeated=sum(len(targets[source]) > 1 for source in rows["source"][:]),
        too_long=sum(length >= max_length for length in lengths["target"]),  # one is for the end
    )
