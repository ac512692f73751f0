"""Captioned images in WebDataset shards: tar files in a folder, or at an address of an object store."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from captioner.data.captions.base import CAPTION_SOURCES, CaptionSource
from captioner.data.formats.shard_index import list_shards, packed_image, read_indexes
from captioner.data.records import report_left_out
from captioner.data.splits import SPLITS, hold_out
from captioner.errors import UserError
from captioner.files.file_system import absolute_address
from captioner.packed_image import PackedImage
from captioner.ranges import Count, Fraction, PathName

if TYPE_CHECKING:
    from datasets import Dataset

_SPLIT_IN_NAME = re.compile(rf"(?<![a-z])({'|'.join(sorted(SPLITS, key=len, reverse=True))})(?![a-z])")


@CAPTION_SOURCES.register("shards")
class CaptionedShards(CaptionSource):
    """Tar files of `KEY.jpg` with `KEY.txt`, a caption a line, or `KEY.json` with `captions` or `caption`.

    `captioner data shard` writes such files; those of others, such as pixparse/cc3m-wds, are read as they
    are. The split is in the name of a file (`cc3m-train-0000.tar`; train where there is none). Where no shard
    is to be validated on, some shards of train are, by a hash of their names. Neither images nor captions are
    kept in memory. A sample that cannot be used is named, counted and left out.

    Args:
        folder: the folder of the shards, or an address that fsspec opens, such as s3://bucket/folder.
        val_fraction: the share of the shards of train that is val where no shard is.
        window: samples that lie together in a shard and are shown at about the same time, see
            `sample_order.shuffled`; a large one mixes better, a small one reads files more in their order;
            null mixes everything.
    """

    def __init__(self, folder: PathName, val_fraction: Fraction = 0.1, window: Count | None = 1000) -> None:
        self.folder = absolute_address(folder)
        self.val_fraction = val_fraction
        self.window = window

    def tables(self) -> "Mapping[str, Dataset]":
        """Return the rows of each split, in memory-mapped tables.

        Returns:
            A table for each split that there is.

        Raises:
            UserError: the folder cannot be read, or no shard of it has a sample that can be used.
        """
        from datasets import concatenate_datasets

        shards = list_shards(self.folder)
        indexes = dict(zip([shard.name for shard in shards], read_indexes(shards), strict=True))
        problems = [problem for index in indexes.values() for problem in index.problems]
        tables = {}
        for split, names in shard_splits(list(indexes), self.val_fraction).items():
            if own := [rows for name in names if (rows := indexes[name].rows) is not None]:
                tables[split], repeated = without_repeats(concatenate_datasets(own))
                problems += repeated
        if not tables:
            raise UserError(f"No shard of {self.folder} has a sample that can be used: {problems[0]}.")
        report_left_out(self.folder, "samples or shards", problems)
        return tables

    def image(self, split: str, path: str) -> PackedImage:
        """Return the image of a row, whose bytes are read when it is decoded."""
        return packed_image(self.folder, path)


def shard_splits(names: Sequence[str], val_fraction: float) -> dict[str, list[str]]:
    """Assign shards to splits by their names; some of train are val where none has a name of val.

    Args:
        names: names of files, sorted.
        val_fraction: the share of the shards of train that is held out, at least one of two or more.

    Returns:
        The names of each split.
    """
    splits: dict[str, list[str]] = {}
    for name in names:
        found = _SPLIT_IN_NAME.search(name.lower())
        splits.setdefault(SPLITS[found[1]] if found else "train", []).append(name)
    train = splits.get("train", [])
    if "val" not in splits and len(train) > 1 and val_fraction:
        split_of = hold_out(train, {"val": max(1, round(val_fraction * len(train)))})
        for split in ("train", "val"):
            splits[split] = [name for name in train if split_of[name] == split]
    return splits


def without_repeats(rows: "Dataset") -> "tuple[Dataset, list[str]]":
    """Return rows without those whose id is there already, and a sentence on each that is left out."""
    ids = rows.data.column("image_id").to_numpy()
    _, first = np.unique(ids, return_index=True)
    if len(first) == len(ids):
        return rows, []
    repeated = np.setdiff1d(np.arange(len(ids)), first)
    problems = [f"{path.rpartition('#')[0]}: its key is there already" for path in rows[repeated]["path"]]
    return rows.select(np.sort(first)), problems
