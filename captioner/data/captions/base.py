"""The interface of caption sources: a table of captioned images per split."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from captioner.data.image_paths import found_paths
from captioner.registry import Registry

if TYPE_CHECKING:
    from datasets import Dataset


class CaptionRow(TypedDict):
    """A row of a table: one image with all its captions; none where the split has no references."""

    image_id: int
    path: str  # absolute, or the name inside a data set that holds the bytes
    captions: list[str]  # as written by people; tokenized later


class CaptionSource(ABC):
    """Captioned images on disk. Subclasses are final and write `tables`.

    Nothing is read in the constructor, so that a wrong option is refused before any data is read.

    Attributes:
        window: how the rows are shuffled for training, see `sample_order.shuffled`.
    """

    window: int | None = None

    @abstractmethod
    def tables(self) -> "Mapping[str, Dataset]":
        """Return the rows of each split.

        Returns:
            A `datasets.Dataset` of `CaptionRow` for each split; the usual names are train, val and test.

        Raises:
            UserError: a file is missing or not of the expected form.
        """

    def image(self, split: str, path: str) -> Any:
        """Return what `load_image` reads for a row: its path, or the image that the data set holds."""
        return Path(path)


def table(rows: Iterable[CaptionRow]) -> "Dataset":
    """Return rows as a `datasets` table with fixed column types, which an empty split has too.

    Args:
        rows: the rows; their images are looked for with `found_paths`.

    Returns:
        The table.
    """
    from datasets import Dataset, Features, List, Value

    columns = Features(
        {"image_id": Value("int64"), "path": Value("string"), "captions": List(Value("string"))}
    )
    listed = list(rows)
    cells: dict[str, list[Any]] = {key: [row[key] for row in listed] for key in columns}  # type: ignore[literal-required]
    cells["path"] = found_paths(cells["path"])
    return Dataset.from_dict(cells, features=columns)


CAPTION_SOURCES: Registry[CaptionSource] = Registry("data set", "captioner.data.captions")
"""Sources of captioned images, by the `name` of a config's `data`."""
