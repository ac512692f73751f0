"""What every source of captioned pictures is: a table per split."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypedDict

from captioner.registry import Registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datasets import Dataset


class CaptionRow(TypedDict):
    """A row of a table: one picture with all its captions (none where the split is only to be captioned)."""

    image_id: int
    path: str  # absolute, or the name inside a data set that carries the bytes
    captions: list[str]  # as written by people; tokenized later


class CaptionSource(ABC):
    """Captioned pictures somewhere on disk. Subclasses are final and write `tables`.

    Nothing is read when it is made, so that a wrong option is refused before any data is touched.
    """

    @abstractmethod
    def tables(self) -> "Mapping[str, Dataset]":
        """A `datasets.Dataset` of `CaptionRow` for each split; the usual names are train, val, test.

        Raises:
            UserError: a file is missing or not of the expected form.
        """

    def image(self, split: str, path: str) -> Any:
        """What `load_image` reads for a row: its path, unless the data set carries the bytes itself."""
        return Path(path)


def table(rows: Iterable[CaptionRow]) -> "Dataset":
    """Rows as a `datasets` table with fixed column types, so that an empty split has them too."""
    from datasets import Dataset, Features, List, Value

    columns = Features(
        {"image_id": Value("int64"), "path": Value("string"), "captions": List(Value("string"))}
    )
    listed = list(rows)
    return Dataset.from_dict({key: [row[key] for row in listed] for key in columns}, features=columns)  # type: ignore[literal-required]


CAPTION_SOURCES: Registry[CaptionSource] = Registry("data set", "captioner.data.captions")
