"""What every source of pairs to translate is: a table per split."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypedDict

from captioner.registry import Registry

if TYPE_CHECKING:
    from datasets import Dataset


class PairRow(TypedDict):
    """A row of a table: a text, and what it is to become. Neither is empty; white space is single spaces."""

    source: str
    target: str
    kind: str  # what is to be done, where there are several things to do; else empty


class PairSource(ABC):
    """Pairs of texts somewhere. Subclasses are final and write `tables`.

    Nothing is read when it is made, so that a wrong option is refused before any data is touched.
    """

    @abstractmethod
    def tables(self) -> "Mapping[str, Dataset]":
        """A `datasets.Dataset` of `PairRow` for each split; the usual names are train, val, test.

        Raises:
            UserError: a file is missing or not of the expected form, or a split comes out empty.
        """


def pair_table(rows: Iterable[PairRow]) -> "Dataset":
    """Rows as a `datasets` table with fixed column types, so that an empty split has them too."""
    from datasets import Dataset, Features, Value

    columns = Features({key: Value("string") for key in PairRow.__annotations__})
    listed = list(rows)
    return Dataset.from_dict({key: [row[key] for row in listed] for key in columns}, features=columns)  # type: ignore[literal-required]


PAIR_SOURCES: Registry[PairSource] = Registry("pair set", "captioner.data.translation")
