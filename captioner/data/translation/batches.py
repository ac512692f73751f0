"""Batches of pairs to translate.      B pairs, L symbols of a source, K = 1 translation, T time."""

from collections.abc import Mapping
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from captioner.config import TrainingConfig
from captioner.data.loader import ResumableLoader, SampleIndex
from captioner.data.module import TrainingData
from captioner.data.padding import pad
from captioner.data.splits import fingerprint_of, rows_of
from captioner.data.translation.symbols import Symbols, Unit
from captioner.vocabulary import BOS, EOS

if TYPE_CHECKING:
    from datasets import Dataset


class PairBatch(NamedTuple):
    """Pairs whose sources have one length; those with the longest targets come first."""

    numbers_B: Tensor  # indices of the pairs in the split
    sources: Tensor  # token ids sources_BL, or features_BLF
    tokens_BKT: Tensor  # <bos> symbols <eos>, padded with <pad>


class PairItems:
    """The samples of a split; `lengths` are those of the sources, which are equal within a batch."""

    def __init__(self, rows: "Dataset", symbols: Symbols) -> None:
        self.sources = [symbols.encode(source) for source in rows["source"][:]]
        self.targets = [[BOS, *symbols.encode(target), EOS] for target in rows["target"][:]]
        self.lengths = [len(source) for source in self.sources]

    def __len__(self) -> int:
        return len(self.sources)

    def __getitems__(self, indices: list[SampleIndex]) -> PairBatch:
        numbers = sorted((index.number for index in indices), key=lambda number: -len(self.targets[number]))
        return PairBatch(
            torch.tensor(numbers),
            torch.tensor([self.sources[number] for number in numbers]),
            pad([[self.targets[number]] for number in numbers], 1),
        )


class PairData(TrainingData[PairBatch]):
    """Pairs for training and validation, from the tables of a pair source."""

    def __init__(self, tables: "Mapping[str, Dataset]") -> None:
        self.tables = tables

    def symbols(self, unit: Unit, min_count: int, max_size: int | None) -> Symbols:
        """Return the symbols of the training pairs, of sources and targets together.

        Args:
            unit: whether symbols are characters or words.
            min_count: how often a symbol must occur.
            max_size: symbols at most; None for all.

        Returns:
            The symbols.
        """
        train = rows_of(self.tables, "train")
        return Symbols.of(chain(train["source"][:], train["target"][:]), unit, min_count, max_size)

    def connect(self, symbols: Symbols, training: TrainingConfig, seed: int) -> None:
        """Set the symbols.

        Args:
            symbols: encode sources and targets.
            training: batch size.
            seed: seed of the order.
        """
        self.training, self.seed = training, seed
        self.train, self.val = (PairItems(rows_of(self.tables, name), symbols) for name in ("train", "val"))

    def fingerprint(self) -> str:
        """See `TrainingData`."""
        return fingerprint_of(self.tables)

    def training_loader(self) -> ResumableLoader[PairBatch]:
        """Return training batches, in a new order every epoch."""
        return self._loader(self.train, shuffle=True)

    def validation_loader(self) -> ResumableLoader[PairBatch]:
        """Return validation batches, always in the same order."""
        return self._loader(self.val, shuffle=False)

    def _loader(self, items: PairItems, shuffle: bool) -> ResumableLoader[PairBatch]:
        return self.make_loader(
            items, self.training, self.seed, shuffle=shuffle, length_buckets=items.lengths
        )
