"""Write captioned images as WebDataset shards: tar files with an index beside each."""

import json
import tarfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from PIL import Image

from captioner.data.captions.base import CaptionRow, CaptionSource
from captioner.data.checks.report import listed
from captioner.data.formats.shard_index import Shard, read_index, scan, write_index
from captioner.data.splits import each_row, fingerprint_of
from captioner.errors import UserError
from captioner.files.atomic_write import atomic_file
from captioner.files.read import read_json
from captioner.image_formats import FORMATS, SUFFIXES
from captioner.image_reader import read_batches
from captioner.packed_image import PackedImage, encoded_bytes
from captioner.pillow import quiet_pillow
from captioner.progress import progress_bar

if TYPE_CHECKING:
    from datasets import Dataset

BATCH_SIZE = 64
SETTINGS = "shards.json"


class WrittenSplit(NamedTuple):
    """The shards of a split: how many of its pictures are in them, and a sentence on each that is not."""

    num_shards: int
    num_pictures: int
    num_bytes: int
    problems: list[str]


class ShardReport(NamedTuple):
    """The shards of a data set; prints as a line a split and a line for each picture that is left out."""

    folder: Path
    splits: dict[str, WrittenSplit]

    def __str__(self) -> str:
        lines = [str(self.folder)]
        for name, split in self.splits.items():
            lines.append(
                f"{name}: {split.num_pictures:,} pictures in {split.num_shards:,} shards, "
                f"{split.num_bytes / 1e6:,.1f} MB"
            )
            lines += listed(f"{name}: pictures left out", split.problems)
        return "\n".join(lines)


def write_shards(
    source: CaptionSource, folder: Path, samples_per_shard: int, progress: bool = False
) -> ShardReport:
    """Write a data set as tar files `<split>-000000.tar`; shards that are there already are kept.

    A sample is `KEY.jpg`, the bytes of the file of its image, and `KEY.json` with `image_id`, `captions` and
    `name`, that of the image in its source. The key is the id with leading zeros.

    Args:
        source: the data set.
        folder: gets the shards, an index beside each, and `shards.json`, what they were made of.
        samples_per_shard: samples of a shard; those that cannot be read are left out of it.
        progress: whether to show a progress bar.

    Returns:
        Counts of each split.

    Raises:
        UserError: the folder holds other shards, or no image can be read.
        OSError: the disk is full; the shards that are there are whole, and another run goes on.
    """
    tables = source.tables()
    _check_settings(folder, tables, samples_per_shard)
    splits = {}
    for split, rows in tables.items():
        parts = []
        with progress_bar(total=len(rows), desc=f"pictures of {split}", disable=not progress) as bar:
            for first in range(0, len(rows), samples_per_shard):
                own = rows.select(range(first, min(first + samples_per_shard, len(rows))))
                shard = folder / f"{split}-{first // samples_per_shard:06d}.tar"
                parts.append(_write_shard(source, split, own, shard, bar.update))
        splits[split] = _together(parts)
    if not any(split.num_pictures for split in splits.values()):
        problem = next((one for split in splits.values() for one in split.problems), "there are none")
        raise UserError(f"No picture of the data set can be read: {problem}")
    return ShardReport(folder, splits)


def _check_settings(folder: Path, tables: "Any", samples_per_shard: int) -> None:
    file = folder / SETTINGS
    settings = {
        "samples_per_shard": samples_per_shard,
        "pictures": {split: len(rows) for split, rows in tables.items()},
        "data": {split: fingerprint_of({"train": rows}) for split, rows in tables.items()},
    }
    if file.exists():
        if read_json(file) != settings:
            raise UserError(
                f"{folder} holds shards of other data, or with another number of samples: choose another "
                "folder, or remove that one."
            )
    elif any(folder.glob("*.tar")):
        raise UserError(f"{folder} holds other shards: choose a new folder.")
    else:
        with atomic_file(file) as stream:
            stream.write(json.dumps(settings, indent=2).encode() + b"\n")


def _write_shard(
    source: CaptionSource, split: str, rows: "Dataset", file: Path, advance: Callable[[int], object]
) -> WrittenSplit:
    problems: dict[str, str] = {}
    if not file.exists():
        with atomic_file(file) as stream:
            problems = _write_tar(source, split, rows, stream, advance)
    else:
        advance(len(rows))
    shard = Shard(str(file.parent), file.name, file.stat().st_size, "")
    beside = file.parent / shard.index_name
    index = read_index(beside, shard)
    if index is None:
        write_index(scan(shard), shard, beside)
        index = read_index(beside, shard)
        assert index is not None
    there = set() if index.rows is None else set(index.rows["image_id"][:])
    for row in each_row(rows):
        if row["image_id"] not in there:
            problems.setdefault(row["path"], f"{row['path']} was left out by an earlier run")
    return WrittenSplit(1, len(there), shard.size, [*problems.values(), *index.problems])


def _write_tar(
    source: CaptionSource, split: str, rows: "Dataset", stream: BinaryIO, advance: Callable[[int], object]
) -> dict[str, str]:
    """Write the samples of a shard; returns a sentence on each that cannot be read, by its path."""
    problems: dict[str, str] = {}
    keyed = ((((row, image), image)) for row, image in _images(source, split, rows))
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for batch in read_batches(keyed, lambda key, _: _content(key[1]), BATCH_SIZE):
            for (row, _), content, problem in batch:
                if content is None:
                    problems[row["path"]] = f"{row['path']}: {problem}"
                else:
                    _add(archive, row, content)
            advance(len(batch))
    return problems


def _images(source: CaptionSource, split: str, rows: "Dataset") -> Iterator[tuple[CaptionRow, Any]]:
    for row in each_row(rows):
        path = row["path"]
        yield (
            CaptionRow(image_id=row["image_id"], path=path, captions=row["captions"]),
            source.image(split, path),
        )


def _content(source: Any) -> bytes:
    assert isinstance(source, Path | bytes | PackedImage)
    return encoded_bytes(source)


def _add(archive: tarfile.TarFile, row: CaptionRow, content: bytes) -> None:
    key = f"{row['image_id']:012d}"
    about = {"image_id": row["image_id"], "captions": row["captions"], "name": Path(row["path"]).name}
    for name, member in (
        (f"{key}{_ending(row['path'], content)}", content),
        (f"{key}.json", json.dumps(about).encode()),
    ):
        info = tarfile.TarInfo(name)  # without a time: the same data give the same bytes
        info.size = len(member)
        archive.addfile(info, BytesIO(member))


def _ending(path: str, content: bytes) -> str:
    """Return the ending of an image's name: that of its file, else one that says its format."""
    if (ending := Path(path).suffix.lower()) in SUFFIXES:
        return ending
    with quiet_pillow(), Image.open(BytesIO(content), formats=FORMATS) as image:
        extensions = [one for one, kind in Image.registered_extensions().items() if kind == image.format]
    return ".jpg" if ".jpg" in extensions else next((one for one in extensions if one in SUFFIXES), ".jpg")


def _together(parts: list[WrittenSplit]) -> WrittenSplit:
    return WrittenSplit(
        sum(part.num_shards for part in parts),
        sum(part.num_pictures for part in parts),
        sum(part.num_bytes for part in parts),
        [problem for part in parts for problem in part.problems],
    )
