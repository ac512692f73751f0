"""Index shards: a memory-mapped table of the samples of each, beside it or in the cache."""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from captioner.data.formats.tar_samples import TarContent, read_tar
from captioner.errors import UserError
from captioner.files.atomic_write import atomic_file
from captioner.files.file_system import open_folder
from captioner.image_reader import NUM_THREADS
from captioner.packed_image import PackedImage
from captioner.paths import cache_folder
from captioner.progress import progress_bar

if TYPE_CHECKING:
    from datasets import Dataset

ABOUT = b"captioner.shard"
CHANGED = ("mtime", "LastModified", "last_modified", "ETag", "etag", "blob_id", "created")
"""Keys of the time, or of a mark, of a file's last change in the listings of file systems."""
MANY = 20  # shards that are read while a progress bar shows how far it is


class Shard(NamedTuple):
    """A tar file in a folder: its name, its number of bytes, and a mark of its last change."""

    folder: str
    name: str
    size: int
    version: str

    @property
    def index_name(self) -> str:
        """Return the name of the index beside it."""
        return f"{self.name.removesuffix('.tar')}.arrow"


class ShardIndex(NamedTuple):
    """The samples of a shard as rows `image_id, path, captions`, and a sentence on each that is left out."""

    rows: "Dataset | None"
    problems: list[str]


def list_shards(folder: str) -> list[Shard]:
    """Return the tar files of a folder by their names.

    Args:
        folder: its address.

    Returns:
        One or more.

    Raises:
        UserError: the folder cannot be read, or holds none.
    """
    file_system, path = open_folder(folder)
    try:
        files = file_system.ls(path, detail=True)
    except Exception as problem:  # each kind of store has exceptions of its own
        raise UserError(f"The folder {folder} cannot be read: {reason(problem)}.") from None
    shards = [
        Shard(folder, name, int(file.get("size") or 0), repr([file.get(key) for key in CHANGED]))
        for file in files
        if (name := file["name"].rpartition("/")[2]).endswith(".tar")
    ]
    if not shards:
        raise UserError(f"{folder} holds no shards: no file whose name ends in .tar.")
    return sorted(shards, key=lambda shard: shard.name)


def read_indexes(shards: list[Shard]) -> list[ShardIndex]:
    """Return the index of each shard; those that have none are read once, several at a time.

    Args:
        shards: of a folder.

    Returns:
        An index each, in order; without rows for one that cannot be read or has no sample.
    """
    with ThreadPoolExecutor(NUM_THREADS) as pool:
        stored = list(pool.map(_stored_index, shards))
        new = [shard for shard, index in zip(shards, stored, strict=True) if index is None]
        made = pool.map(_new_index, new)
        made = iter(progress_bar(made, total=len(new), desc="shards", disable=len(new) < MANY))
        return [index or next(made) for index in stored]


def write_index(content: TarContent, shard: Shard, file: Path) -> None:
    """Write the index of a shard.

    Args:
        content: what `read_tar` found.
        shard: the shard.
        file: the index, which is replaced as a whole.
    """
    import pyarrow as pa

    about = json.dumps({"bytes": shard.size, "problems": content.problems})
    columns = {"image_id": pa.int64(), "path": pa.string(), "captions": pa.list_(pa.string())}
    schema = pa.schema(list(columns.items()), metadata={ABOUT: about})
    samples = content.samples
    cells: list[Iterable[Any]] = [
        [one.image_id for one in samples],
        [f"{shard.name}/{one.member}#{one.offset}+{one.size}" for one in samples],
        [one.captions for one in samples],
    ]
    arrays = [pa.array(own, type=kind) for own, kind in zip(cells, columns.values(), strict=True)]
    with atomic_file(file) as stream, pa.ipc.new_stream(stream, schema) as writer:
        writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def scan(shard: Shard) -> TarContent:
    """Read the headers and captions of a shard.

    Args:
        shard: the shard.

    Returns:
        Its samples.

    Raises:
        UserError: it cannot be read at all.
    """
    file_system, path = open_folder(shard.folder)
    try:
        with file_system.open(f"{path}/{shard.name}", "rb") as stream:
            return read_tar(stream, shard.size)
    except Exception as problem:  # each kind of store has exceptions of its own
        raise UserError(f"it cannot be read: {reason(problem)}") from None


def packed_image(folder: str, path: str) -> PackedImage:
    """Return the image of a row of an index, from the folder of its shard and its path."""
    name, _, place = path.rpartition("#")
    file, _, member = name.partition(".tar/")
    offset, _, size = place.partition("+")
    return PackedImage(folder, f"{file}.tar", member, int(offset), int(size))


def reason(problem: Exception) -> str:
    """Return why a file cannot be read, as a clause."""
    said = getattr(problem, "strerror", None) or str(problem).partition("\n")[0] or type(problem).__name__
    return str(said).rstrip(".")


def _stored_index(shard: Shard) -> ShardIndex | None:
    """Return the index in the cache, or beside the shard; one at an address is copied into the cache."""
    cached = _cache_file(shard)
    if found := read_index(cached, shard):
        return found
    file_system, path = open_folder(shard.folder)
    beside = f"{path}/{shard.index_name}"
    if "://" not in shard.folder:
        return read_index(Path(beside), shard)
    try:
        content = file_system.cat_file(beside)
    except Exception:  # there is none: each kind of store has exceptions of its own
        return None
    with atomic_file(cached) as stream:
        stream.write(content)
    return read_index(cached, shard)


def _new_index(shard: Shard) -> ShardIndex:
    file = _cache_file(shard)
    try:
        write_index(scan(shard), shard, file)
    except UserError as problem:
        return ShardIndex(None, [f"{shard.name}: {problem}"])
    found = read_index(file, shard)
    assert found is not None
    return found


def read_index(file: Path, shard: Shard) -> ShardIndex | None:
    """Read an index.

    Args:
        file: the index.
        shard: its shard.

    Returns:
        The index; None where there is none, or that of a shard of another size.
    """
    import pyarrow as pa
    from datasets import Dataset

    try:
        with pa.memory_map(str(file)) as mapped:
            about = json.loads((pa.ipc.open_stream(mapped).schema.metadata or {}).get(ABOUT, b"{}"))
        if about.get("bytes") != shard.size:
            return None
        rows = Dataset.from_file(str(file))
    except (OSError, ValueError):  # pyarrow's errors are both
        return None
    return ShardIndex(rows if len(rows) else None, [f"{shard.name}: {one}" for one in about["problems"]])


def _cache() -> Path:
    return cache_folder() / "shards"


def _cache_file(shard: Shard) -> Path:
    return _cache() / f"{sha256(repr(shard).encode()).hexdigest()[:32]}.arrow"
