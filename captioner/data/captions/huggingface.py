"""Captioned images of a Hugging Face data set: on disk, or by name on the hub."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from captioner.data.captions.base import CAPTION_SOURCES, CaptionRow, CaptionSource, table
from captioner.data.formats.hub import HubPictures
from captioner.files.read import one_line_each
from captioner.ranges import PathName

if TYPE_CHECKING:
    from datasets import Dataset


@CAPTION_SOURCES.register("huggingface")
class HuggingFaceCaptions(CaptionSource):
    """A data set with a column of images and a column of captions, a text or a list of texts a row.

    Where there is no split to validate on, a tenth of the images of train is held out, by their content.
    The path of a row is `<split>/<row>`, its id the number of the row counted through train, val and test.

    Args:
        path: a folder written by `save_to_disk`, a folder or name that `datasets.load_dataset` takes.
        name: which of the configurations of the data set, where it has several.
        image_column: the column of images.
        caption_column: the column of captions.
        splits: our name of each split -> its name in the data set; without, train, val (also called
            validation, valid, dev) and test are taken where they are.
    """

    def __init__(
        self,
        path: PathName,
        name: str | None = None,
        image_column: str = "image",
        caption_column: str = "caption",
        splits: dict[str, str] | None = None,
    ) -> None:
        self.caption_column = caption_column
        self.hub = HubPictures(path, name, image_column, {"caption": caption_column}, splits)

    def tables(self) -> "Mapping[str, Dataset]":
        """Return the rows of each split.

        Returns:
            A table for each split that there is.

        Raises:
            UserError: the data set, a split or a column is not there, or the hub cannot be reached.
        """
        rows: dict[str, list[CaptionRow]] = {}
        first = 0
        for split, dataset in self.hub.splits.items():
            rows[split] = [
                CaptionRow(
                    image_id=first + row,
                    path=f"{split}/{row}",
                    captions=one_line_each(self.hub.texts(self.caption_column, f"{split}/{row}", cell)),
                )
                for row, cell in enumerate(dataset[self.caption_column])
            ]
            first += len(dataset)
        return {split: table(own) for split, own in self.hub.divided(rows).items()}

    def image(self, split: str, path: str) -> bytes | Path:
        """Return the encoded image of a row, or its file where the data set holds a path."""
        return self.hub.image(path)
