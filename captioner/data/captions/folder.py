"""A folder of your own images with captions in `captions.csv` or `captions.jsonl`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from captioner.data.captions.base import CAPTION_SOURCES, CaptionRow, CaptionSource, table
from captioner.data.files import one_line_each
from captioner.data.formats.image_list import Columns, divide, find_list, read_list, texts_of
from captioner.data.splits import shares
from captioner.ranges import Fraction, PathName

if TYPE_CHECKING:
    from datasets import Dataset

COLUMNS = Columns(("caption",))


@CAPTION_SOURCES.register("folder")
class CaptionedFolder(CaptionSource):
    """A folder of images with `captions.csv` (first line `image,caption` or `image,caption,split`) or
    `captions.jsonl` (`{"image": ..., "caption": ..., "split": ...}` a line; `caption` may be a list).

    `image` is a path relative to the folder. An image may be on several lines, one for each caption; one
    whose only caption is blank is kept without captions. Its id is its position among the images of the
    file. Where no split is written, a hash of `image` decides, so that an image that is added later moves
    no other one.

    Args:
        folder: holds the file and the images.
        val_fraction: the share of images in val where no split is written.
        test_fraction: the same for test.
    """  # noqa: D205

    def __init__(self, folder: PathName, val_fraction: Fraction = 0.1, test_fraction: Fraction = 0.1) -> None:
        self.folder = Path(folder).expanduser().resolve()
        self.fractions = shares("folder", val_fraction, test_fraction)

    def tables(self) -> "Mapping[str, Dataset]":
        """Return the rows of each split.

        Returns:
            A table for each split that there is.

        Raises:
            UserError: the file is missing or a line of it (which is named) is not of the form, or a split
                comes out empty.
        """
        file = find_list(self.folder, "captions", COLUMNS)
        lines = list(read_list(file, COLUMNS))
        rows: dict[str, CaptionRow] = {}
        for line in lines:
            path = os.path.join(self.folder, line.image)
            row = rows.setdefault(line.image, CaptionRow(image_id=len(rows), path=path, captions=[]))
            row["captions"] += one_line_each(texts_of(file, line, "caption"))
        return {
            split: table(rows[image] for image in images)
            for split, images in divide(file, lines, self.fractions).items()
        }
