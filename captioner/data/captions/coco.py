"""COCO captions, 2014 and 2017: the official files, read through pycocotools, and files of their format."""

import contextlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captioner.data.captions.base import CAPTION_SOURCES, CaptionRow, CaptionSource, table
from captioner.data.records import Record, read_each, read_lists, reader
from captioner.data.splits import hold_out
from captioner.errors import UserError, quotation
from captioner.files.read import one_line_each
from captioner.ranges import Count, PathName

if TYPE_CHECKING:
    from datasets import Dataset

DOWNLOAD = "https://cocodataset.org/#download"
PICTURES = {
    "train2014": "13 GB",
    "val2014": "6 GB",
    "test2014": "6 GB",
    "test2015": "12 GB",
    "train2017": "18 GB",
    "val2017": "1 GB",
    "test2017": "6 GB",
}
_READERS = {
    "images": reader({"id": int, "file_name": str}),
    "annotations": reader({"image_id": int, "caption": str}),
}


@CAPTION_SOURCES.register("coco")
class CocoCaptions(CaptionSource):
    """COCO in its official layout: `annotations/captions_<split>.json` beside the folders `<split>/`.

    Args:
        folder: holds `annotations/` and, unless `images` says otherwise, the folders of images.
        train: the official split to train on, such as train2017, or a caption file (relative to `folder`).
        val: the same, or a number: so many images are held out of `train`, chosen by their ids alone.
        test: the same as `val`; a test split of COCO itself has images but no captions.
        images: where the folders of images are, or the one folder of all images.
    """

    def __init__(
        self,
        folder: PathName,
        train: PathName | None = "train2017",
        val: PathName | Count | None = "val2017",
        test: PathName | Count | None = None,
        images: PathName | None = None,
    ) -> None:
        self.folder = Path(folder).expanduser().resolve()
        self.images = None if images is None else Path(images).expanduser().resolve()
        self.splits = {"train": train, "val": val, "test": test}
        for split, wanted in self.splits.items():
            if isinstance(wanted, int) and (train is None or wanted < 1):
                raise UserError(
                    f"coco: {split}={wanted} holds pictures out of train: it needs train, and >= 1."
                )

    def tables(self) -> "Mapping[str, Dataset]":
        """Return the rows of each split.

        Returns:
            A table for each split that there is.

        Raises:
            UserError: a file or folder is missing (the sentence says where to get it), not a COCO caption
                file, or too small for the number to hold out.
        """
        rows = {
            split: self._rows(split, name) for split, name in self.splits.items() if isinstance(name, str)
        }
        held_out = {split: count for split, count in self.splits.items() if isinstance(count, int)}
        if held_out:
            rows.update(_hold_out(rows["train"], held_out))
        return {split: table(rows[split]) for split in self.splits if split in rows}

    def _rows(self, split: str, name: str) -> list[CaptionRow]:
        if name.lower().endswith(".json"):
            file = self.folder / name
            name = file.stem.removeprefix("captions_").removeprefix("image_info_")
        else:
            kind = "image_info" if name.startswith("test20") else "captions"
            file = self.folder / "annotations" / f"{kind}_{name}.json"
        advice = f"Get the annotations (241 MB) from {DOWNLOAD}, or set folder= or {split}= of the data set."
        return _rows(_dataset(file, advice), picture_folder(self.folder, self.images, name))


def picture_folder(folder: Path, images: Path | None, name: str) -> Path:
    """Find the folder of images of an official split.

    Args:
        folder: the folder of the data set.
        images: the folder of images, or of one folder a split; None to search in `folder`.
        name: the official name of the split, such as train2014.

    Returns:
        The folder that holds the images.

    Raises:
        UserError: none of the usual folders exists; the message says where to get the images.
    """
    if images:
        choices = [images / name, images]
    else:
        choices = [folder / name, folder / "images" / name, folder / "images"]
    for choice in choices:
        if choice.is_dir():
            return choice
    size = f" ({PICTURES[name]})" if name in PICTURES else ""
    raise UserError(
        f"There is no folder of pictures {choices[0]}. "
        f"Get the pictures{size} from {DOWNLOAD}, or say where they lie by images= of the data set."
    )


def read_coco(annotation_file: Path, image_folder: Path) -> "Dataset":
    """Read a caption file in COCO's format.

    Args:
        annotation_file: the JSON file.
        image_folder: the folder of its images.

    Returns:
        A table of `CaptionRow` in the order of the file's `images`; those without captions are kept.

    Raises:
        UserError: the file is missing or is not a COCO caption file.
    """
    return table(_rows(_dataset(annotation_file), image_folder))


def write_coco_results(path: Path, captions: Mapping[int, str]) -> None:
    """Write captions, by image id, as the results file that COCO's evaluation and server take."""
    results = [{"image_id": image_id, "caption": caption} for image_id, caption in captions.items()]
    path.write_text(json.dumps(results), encoding="utf-8")


def _dataset(file: Path, advice: str = "") -> dict[str, Any]:
    """Read what is used of a COCO caption file."""
    parts = _READERS if not file.name.startswith("image_info") else {"images": _READERS["images"]}
    dataset = {"annotations": [], **read_lists(file, parts, "a COCO caption file", advice)}
    ids = {image["id"] for image in dataset["images"]}
    if len(ids) < len(dataset["images"]):
        raise UserError(f"{file}: two pictures have the same id.")

    def of_an_image(entry: Record) -> Record:
        if entry["image_id"] not in ids:
            raise UserError(f"image_id {entry['image_id']} is not among the images: {quotation(entry)}")
        return entry

    return dataset | {"annotations": read_each(file, "captions", dataset["annotations"], of_an_image)}


def _rows(dataset: dict[str, Any], image_folder: Path) -> list[CaptionRow]:
    from pycocotools.coco import COCO

    coco = COCO()
    # Numbered here: results have ids of images alone, and not every file numbers its captions.
    annotations = [entry | {"id": number} for number, entry in enumerate(dataset["annotations"])]
    coco.dataset = dataset | {"annotations": annotations}
    with contextlib.redirect_stdout(io.StringIO()):  # it reports its progress there
        coco.createIndex()
    root = os.path.abspath(image_folder)
    return [
        CaptionRow(
            image_id=image["id"],
            path=os.path.join(root, image["file_name"]),
            captions=one_line_each(entry["caption"] for entry in coco.imgToAnns.get(image["id"], [])),
        )
        for image in dataset["images"]
    ]


def _hold_out(train: list[CaptionRow], counts: Mapping[str, int]) -> dict[str, list[CaptionRow]]:
    """Take images out of `train`, chosen by their ids alone; every split keeps its file order."""
    if sum(counts.values()) >= len(train):
        raise UserError(
            f"coco: {sum(counts.values())} pictures cannot be held out of the {len(train)} of train."
        )
    split_of = hold_out((str(row["image_id"]) for row in train), counts)
    return {
        split: [row for row in train if split_of[str(row["image_id"])] == split]
        for split in ("train", *counts)
    }
