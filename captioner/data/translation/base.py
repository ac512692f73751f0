"""The interface of pair sources: a table of texts and their translations per split."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypedDict

from captioner.registry import Registry

if TYPE_CHECKING:
    from datasets import Dataset


class PairRow(TypedDict):
    """A row of a table: a text and its translation. Neither is empty; white space is single spaces."""

    source: str
    target: str
    kind: str  # kind of the pair where there are several; else empty


class PairSource(ABC):
    """Pairs of texts to translate. Subclasses are final and write `tables`.

    Nothing is read in the constructor, so that a wrong option is refused before any data is read.
    """

    @abstractmethod
    def tables(self) -> "Mapping[str, Dataset]":
        """Return the rows of each split.

        Returns:
            A `datasets.Dataset` of `PairRow` for each split; the usual names are train, val and test.

        Raises:
            UserError: a file is missing or not of the expected form, or a split is empty.
        """


def pair_table(rows: Iterable[PairRow]) -> "Dataset":
    """Return rows as a `datasets` table with fixed column types, which an empty split has too."""
    from datasets import Dataset, Features, Value

    columns = Features({key: Value("string") for key in PairRow.__annotations__})
    listed = list(rows)
    return Dataset.from_dict({key: [row[key] for row in listed] for key in columns}, features=columns)  # type: ignore[literal-required]


PAIR_SOURCES: Registry[PairSource] = Registry("pair set", "captioner.data.translation")
"""Sources of pairs, by the `name` of a config's `data`."""
