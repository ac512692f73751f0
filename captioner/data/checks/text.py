"""Check a corpus: its splits, its rarest characters, and signs of a wrong encoding."""

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from captioner.data.checks.report import NAMED, listed
from captioner.data.text.alphabet import Alphabet, Numbers, Unit
from captioner.data.text.corpus import Corpus
from captioner.data.text.streams import Chunks, Stream, divide
from captioner.vocabulary import SPECIAL

SUSPECT = {"Cc": "CONTROL CHARACTER", "Cn": "UNASSIGNED", "Co": "PRIVATE USE", "Cs": "HALF A SURROGATE PAIR"}
"""Unicode categories that a text seldom means to have."""
SUSPECT_TOO = {"\r": "CARRIAGE RETURN", "\ufeff": "BYTE ORDER MARK", "\ufffd": "REPLACEMENT CHARACTER"}
MEANT = "\n\t"


class SymbolCount(NamedTuple):
    """A character or a byte, how many times it occurs, and the line where it does first, from 1."""

    symbol: str
    unit: Unit
    times: int
    line: int

    def __str__(self) -> str:
        character = f"{self.symbol!r} U+{ord(self.symbol):04X} {_name(self.symbol)}"
        shown = character if self.unit == "characters" else f"0x{ord(self.symbol):02X}"
        return f"{shown}: {self.times:,}, first on line {self.line:,}"

    @property
    def is_suspect(self) -> bool:
        """Whether it is probably a mistake in the encoding of the text."""
        unmeant = unicodedata.category(self.symbol) in SUSPECT and self.symbol not in MEANT
        return self.unit == "characters" and (unmeant or self.symbol in SUSPECT_TOO)


class PartReport(NamedTuple):
    """A split: the symbols that are predicted in it, how many differ, and how many train does not have."""

    length: int
    distinct: int
    unlearnt: int


class TextReport(NamedTuple):
    """Counts of a corpus; prints as a table. `symbols` are by count, the rarest first."""

    unit: Unit
    length: int
    symbols: list[SymbolCount]
    splits: dict[str, PartReport]
    num_streams: int
    chunk_length: int
    updates: int
    problems: list[str]

    def __str__(self) -> str:
        rows = {
            f"{self.unit} to predict": "length",
            "  different": "distinct",
            "  never in train": "unlearnt",
        }
        lines = [f"{'':24}" + "".join(f"{name:>14}" for name in self.splits)]
        for title, field in rows.items():
            figures = (getattr(split, field) for split in self.splits.values())
            lines.append(f"{title:24}" + "".join(f"{figure:14,}" for figure in figures))
        update = f"{self.num_streams} streams of {self.chunk_length} {self.unit}"
        lines += [
            f"known: {self.length:,} {self.unit}, {len(self.symbols):,} different",
            f"an epoch: {self.updates:,} updates, each from {update}",
            f"the rarest {self.unit}:",
            *(f"  {symbol}" for symbol in self.symbols[:NAMED]),
            *listed(f"suspect {self.unit}", [str(symbol) for symbol in self.symbols if symbol.is_suspect]),
            *listed("files left out", self.problems),
        ]
        return "\n".join(lines)


def check_text(source: Corpus, batch_size: int) -> TextReport:
    """Read a corpus and count its symbols.

    Args:
        source: the corpus.
        batch_size: streams of training.

    Returns:
        Counts of each split.

    Raises:
        UserError: nothing can be read, or the text is too short for so many streams; a single file among
            several that cannot be read is only reported.
    """
    text, problems = source.read_files()
    alphabet = Alphabet.of(text, source.unit)
    numbers = alphabet.encode(text) - np.int32(len(SPECIAL))
    length, parts = source.cut(len(numbers), batch_size)
    train = divide(parts["train"], batch_size, whole=False)
    chunks = Chunks(numbers[:length], train, source.chunk_length, whole=False)
    counted = {name: _counts(numbers[:length], part, len(alphabet.symbols)) for name, part in parts.items()}
    return TextReport(
        unit=source.unit,
        length=len(numbers),
        symbols=_by_count(numbers, alphabet),
        splits={
            name: PartReport(
                length=int(counts.sum()),
                distinct=int((counts > 0).sum()),
                unlearnt=int(counts[counted["train"] == 0].sum()),
            )
            for name, counts in counted.items()
        },
        num_streams=batch_size,
        chunk_length=source.chunk_length,
        updates=len(chunks),
        problems=problems,
    )


def _counts(numbers: Numbers, stretches: Sequence[Stream], num_symbols: int) -> NDArray[np.int64]:
    """Count how often each symbol is a target."""
    places = [np.arange(start + 1, start + 1 + length) for start, length in stretches]
    counts = np.bincount(numbers.take(np.concatenate(places), mode="wrap"), minlength=num_symbols)
    return counts.astype(np.int64)


def _by_count(numbers: Numbers, alphabet: Alphabet) -> list[SymbolCount]:
    kinds, firsts, counts = np.unique(numbers, return_index=True, return_counts=True)
    is_feed = np.array(alphabet.symbols) == "\n"
    lines = np.searchsorted(np.flatnonzero(is_feed[numbers]), firsts) + 1
    found = zip(kinds.tolist(), counts.tolist(), lines.tolist(), strict=True)
    symbols = [SymbolCount(alphabet.symbols[kind], alphabet.unit, *rest) for kind, *rest in found]
    return sorted(symbols, key=lambda symbol: symbol.times)


def _name(symbol: str) -> str:
    in_unicode = unicodedata.name(symbol, SUSPECT.get(unicodedata.category(symbol), ""))
    return SUSPECT_TOO.get(symbol, in_unicode)
