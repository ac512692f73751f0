"""A folder of your own images with captions in a table, or in a text beside each image."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from captioner.data.captions.base import CAPTION_SOURCES, CaptionRow, CaptionSource, table
from captioner.data.formats.image_list import Columns, ListedImage, divide, find_list, no_list, read_list
from captioner.data.formats.sidecar_texts import read_sidecar_texts
from captioner.data.image_paths import folder_of
from captioner.data.splits import shares
from captioner.files.read import one_line_each
from captioner.ranges import Fraction, PathName

if TYPE_CHECKING:
    from datasets import Dataset

COLUMNS = Columns(("caption",))
OTHERS = ("captions.txt", "results.csv", "metadata.csv", "metadata.jsonl")
"""Kaggle's copies of Flickr8k and Flickr30k, and imagefolder of Hugging Face."""
IMAGE_FOLDERS = ("images", "flickr30k_images", "flickr30k_images/flickr30k_images")


@CAPTION_SOURCES.register("folder")
class CaptionedFolder(CaptionSource):
    """A folder of images with `captions.csv` (first line `image,caption` or `image,caption,split`),
    `captions.jsonl` (`{"image": ..., "caption": ..., "split": ...}` a line; `caption` may be a list), or a
    text of the same name beside each image, a caption a line.

    Read as they are: Kaggle's copies of Flickr8k (`captions.txt`) and Flickr30k (`results.csv`), and
    imagefolder (`metadata.csv` or `metadata.jsonl` with `file_name` and `text`).

    `image` is a path relative to the folder, or to `images/` in it. An image may be on several lines, one for
    each caption; one whose only caption is blank is kept without captions. Its id is its position among the
    images of the file. Where no split is written, a hash of `image` decides, so that an image that is added
    later moves no other one. A line that cannot be used is named, counted and left out.

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
            UserError: there is no file, no line of it is of the form, or a split comes out empty.
        """
        file = find_list(self.folder, "captions", OTHERS)
        lines = read_list(file, COLUMNS) if file else self._sidecar_texts()
        root = folder_of([line.image for line in lines], self.folder, IMAGE_FOLDERS)
        rows: dict[str, CaptionRow] = {}
        for line in lines:
            path = os.path.join(root, line.image)
            row = rows.setdefault(line.image, CaptionRow(image_id=len(rows), path=path, captions=[]))
            row["captions"] += one_line_each(line.texts["caption"])
        return {
            split: table(rows[image] for image in images)
            for split, images in divide(file or self.folder, lines, self.fractions).items()
        }

    def _sidecar_texts(self) -> list[ListedImage]:
        lines = read_sidecar_texts(self.folder)
        if not lines:
            raise no_list(self.folder, "captions", COLUMNS)
        return lines
