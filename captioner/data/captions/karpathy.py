"""Karpathy's splits of COCO, Flickr8k and Flickr30k: one JSON file with every caption and its split."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captioner.data.captions.base import CAPTION_SOURCES, CaptionRow, CaptionSource, table
from captioner.data.records import checked_record, read_list
from captioner.errors import UserError, nearest
from captioner.files.read import one_line_each, read_json
from captioner.ranges import PathName

if TYPE_CHECKING:
    from datasets import Dataset

ADVICE = (
    "It is in https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip (36 MB); "
    "set file= of the data set."
)
SPLITS = ("train", "restval", "val", "test")
_FORM = "a Karpathy split file"


@CAPTION_SOURCES.register("karpathy")
class KarpathySplits(CaptionSource):
    """`dataset_{coco,flickr8k,flickr30k}.json` of Karpathy and Fei-Fei (2015), the split most papers report.

    Captions are the `raw` sentences: the file's `tokens` have lost the punctuation by another rule than the
    one scores are computed with. The id of an image is its COCO id, or `imgid` for Flickr.

    Args:
        file: the JSON file.
        images: the folder of images; for COCO the one that holds `train2014/` and `val2014/`.
        restval: the 30,504 images of COCO val2014 that are in neither val nor test are trained on too
            (113,287 instead of 82,783), as is usual since 2015; without, they are left out.
    """

    def __init__(self, file: PathName, images: PathName, restval: bool = True) -> None:
        self.file = Path(file).expanduser().resolve()
        self.images = Path(images).expanduser().resolve()
        self.restval = restval

    def tables(self) -> "Mapping[str, Dataset]":
        """Return the rows of each split.

        Returns:
            A table for each split that there is.

        Raises:
            UserError: the file or the folder of images is missing, or the file is not of this form.
        """
        dataset = read_json(self.file, ADVICE)
        if not isinstance(dataset, dict):
            raise UserError(f"{self.file} is not {_FORM}: it has no list 'images'.")
        if not self.images.is_dir():
            raise UserError(f"There is no folder of pictures {self.images}; set images= of the data set.")
        rows: dict[str, list[CaptionRow]] = {"train": [], "val": [], "test": []}
        if self.restval:
            rows["restval"] = rows["train"]
        known: set[int] = set()
        for split, row in read_list(self.file, "images", dataset.get("images"), self._row, _FORM):
            if row["image_id"] in known:
                raise UserError(f"{self.file}: two pictures have the id {row['image_id']}.")
            known.add(row["image_id"])
            if split in rows:
                rows[split].append(row)
        return {split: table(rows[split]) for split in ("train", "val", "test") if rows[split]}

    def _row(self, where: str, image: Any) -> tuple[str, CaptionRow]:
        given_id = "cocoid" if isinstance(image, dict) and "cocoid" in image else "imgid"
        keys = {"filename": str, "split": str, "sentences": list, given_id: int}
        if isinstance(image, dict) and "filepath" in image:  # of COCO, whose images are in two folders
            keys["filepath"] = str
        checked = checked_record(where, image, keys)
        split = checked["split"]
        if split not in SPLITS:
            raise UserError(f"{where} is in split {split!r}. {nearest(split, SPLITS)}")
        captions = [
            checked_record(f"{where}.sentences[{number}]", sentence, {"raw": str})["raw"]
            for number, sentence in enumerate(checked["sentences"])
        ]
        name = os.path.join(self.images, checked.get("filepath", ""), checked["filename"])
        return split, CaptionRow(image_id=checked[given_id], path=name, captions=one_line_each(captions))
