"""Store features, so that a frozen encoder runs once an image.      B batch, L locations, F feature.

A store is a folder named after the encoder's fingerprint (weights, layer, transform) with two files that
only grow: `features.f16`, the rows (L, F) of all pictures, and `index.jsonl`, a line about the encoder and
then one for every batch written, with its pictures and a checksum. A batch without its line does not count,
so that a killed build goes on after the last whole batch, and pictures of another split are simply added.
"""

import contextlib
import json
import shutil
import sys
import zlib
from collections.abc import Iterator, Sequence
from os import fsync
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm  # type: ignore[import-untyped, unused-ignore]

from captioner.encoders.base import Encoder
from captioner.encoders.encoding import KeyedImages, encoded_batches
from captioner.errors import UserError
from captioner.images import ImageSource

NAMED = 5  # unreadable pictures told one by one; the store knows them all


class _Chunk(NamedTuple):
    first: int
    rows: int
    crc32: int


class FeatureStore:
    """Features on disk, by the key of their image. Picklable: each process maps the file for itself.

    Args:
        folder: where the store lies.

    Attributes:
        grid: rows and columns of the locations.
        feature_dim: F.
        unreadable: key -> why there are no features of it.

    Raises:
        UserError: the folder holds no store, or a damaged one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.unreadable: dict[str, str] = {}
        self.stamps: dict[str, str] = {}
        self._rows: dict[str, int] = {}
        self._chunks: list[_Chunk] = []
        self._data_RLF: NDArray[np.float16] | None = None
        index = self.index_path.read_bytes() if self.index_path.is_file() else b""
        self.index_bytes = index.rfind(b"\n") + 1  # the rest is a line that a kill cut off
        try:
            header, *lines = (json.loads(line) for line in index[: self.index_bytes].splitlines())
            self.about: dict[str, Any] = header
            self.grid: tuple[int, int] = tuple(header["grid"])
            self.feature_dim = int(header["feature_dim"])
            for line in lines:
                self._add(line)
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"The feature store {folder} is damaged: delete it to build it again.") from error
        self.verify(chunks=16)

    @property
    def index_path(self) -> Path:
        """The file with a line for every batch."""
        return self.folder / "index.jsonl"

    @property
    def data_path(self) -> Path:
        """The file with the features."""
        return self.folder / "features.f16"

    @property
    def row_bytes(self) -> int:
        """The size of one image's features."""
        return 2 * self.grid[0] * self.grid[1] * self.feature_dim

    @property
    def data_bytes(self) -> int:
        """The size of all whole batches."""
        return self.row_bytes * sum(chunk.rows for chunk in self._chunks)

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_data_RLF": None}

    def read(self, keys: Sequence[str]) -> Tensor:
        """Read features.

        Args:
            keys: the keys of their images.

        Returns:
            features_BLF, float32, in the order of `keys`.

        Raises:
            UserError: there are no features of a key.
        """
        for key in keys:
            if key not in self._rows:
                reason = self.unreadable.get(key, "it is not in the store")
                raise UserError(f"There are no features of {key}: {reason}")
        # Read in the order of the file, each picture once.
        rows, order = np.unique([self._rows[key] for key in keys], return_inverse=True)
        return torch.from_numpy(self._mapped()[rows]).float()[torch.from_numpy(order)]

    def verify(self, chunks: int | None = None) -> None:
        """Compare the features with their checksums: all of them, or `chunks` batches evenly spaced.

        PromptState a store checks 16 batches, the first and the last among them.

        Raises:
            UserError: the file is too short, or other than what was written.
        """
        size = self.data_path.stat().st_size if self.data_path.is_file() else 0
        filled = [chunk for chunk in self._chunks if chunk.rows]
        places = np.linspace(0, len(filled) - 1, min(chunks or len(filled), len(filled))).round().astype(int)
        if size < self.data_bytes or not all(self._is_sound(filled[place]) for place in places):
            raise UserError(f"The feature store {self.folder} is damaged: delete it to build it again.")

    def _is_sound(self, chunk: _Chunk) -> bool:
        rows_RLF = self._mapped()[chunk.first : chunk.first + chunk.rows]
        return zlib.crc32(rows_RLF.tobytes()) == chunk.crc32

    def _add(self, line: dict[str, Any]) -> None:
        first = sum(self._chunks[-1][:2]) if self._chunks else 0
        self._chunks.append(_Chunk(first, len(line["pictures"]), line["crc32"]))
        for row, (key, stamp) in enumerate(line["pictures"], start=first):
            self._rows[key], self.stamps[key] = row, stamp
            self.unreadable.pop(key, None)
        for key, reason in line["unreadable"].items():
            self.unreadable[key] = reason
            self._rows.pop(key, None)
            self.stamps.pop(key, None)

    def _mapped(self) -> NDArray[np.float16]:
        if self._data_RLF is None:
            shape = (self.data_bytes // self.row_bytes, self.grid[0] * self.grid[1], self.feature_dim)
            self._data_RLF = np.memmap(self.data_path, np.float16, "r", shape=shape)
        return self._data_RLF


def open_store(
    encoder: Encoder,
    pictures: KeyedImages,
    folder: Path,
    *,
    batch_size: int = 32,
    device: torch.device | str = "cpu",
) -> FeatureStore:
    """Open the feature store of an encoder, and compute the features that it lacks.

    Features are computed in float32 and kept in 16 bits; those whose file has changed since (size, time) are
    computed again. Images that cannot be read are named and left out; they are tried again the next time.
    Processes that open the same store at once wait for each other.

    Args:
        encoder: a frozen encoder.
        pictures: the images whose features are wanted.
        folder: where stores lie.
        batch_size: images encoded at a time.
        device: where they are encoded.

    Returns:
        The store, with the features of all `pictures` that can be read.

    Raises:
        UserError: the encoder is being trained, the disk is too small, the store is damaged, or a feature
            is too large for 16 bits.
    """
    if not encoder.is_frozen:
        raise UserError("Features of an encoder that is being trained change, so they cannot be stored.")
    fingerprint = encoder.fingerprint()
    home = Path(folder) / fingerprint[:16]
    home.mkdir(parents=True, exist_ok=True)
    with _locked(home / "lock"):
        about = {"fingerprint": fingerprint, "grid": list(encoder.grid), "feature_dim": encoder.feature_dim}
        about |= {"dtype": "float16", "preprocessing": encoder.preprocessing.to_dict()}
        index = home / "index.jsonl"
        if not index.is_file() or b"\n" not in index.read_bytes():
            index.write_text(json.dumps(about) + "\n")
        store = FeatureStore(home)
        if store.about != about:
            raise UserError(f"The feature store {home} is another encoder's: delete it to build it again.")
        missing = [
            (key, source)
            for key, source in pictures
            if key not in store or store.stamps[key] != _stamp(source)
        ]
        if missing:
            # New ones first: after a kill, batches are cut as they would have been without it.
            missing.sort(key=lambda picture: picture[0] in store.unreadable)
            _announce(store, len(missing))
            _build(encoder, missing, store, batch_size, torch.device(device))
            store = FeatureStore(home)
    _report_unreadable(store, pictures)
    return store


def _announce(store: FeatureStore, count: int) -> None:
    size, free = count * store.row_bytes, shutil.disk_usage(store.folder).free
    text = f"features of {count} pictures, {size / 1e9:.2f} GB, in {store.folder}"
    if size > free:
        raise UserError(f"There is no room for the {text}: only {free / 1e9:.2f} GB are free.")
    print(text, file=sys.stderr)


def _build(
    encoder: Encoder, pictures: KeyedImages, store: FeatureStore, batch_size: int, device: torch.device
) -> None:
    with (
        open(store.data_path, "ab") as data,
        open(store.index_path, "ab") as index,
        tqdm(total=len(pictures), desc="features", unit="picture") as bar,
    ):
        data.truncate(store.data_bytes)
        index.truncate(store.index_bytes)
        sources = dict(pictures)
        for batch in encoded_batches(encoder, pictures, batch_size, device):
            good = [(key, _stamp(sources[key])) for key in batch.keys]
            line = {"pictures": good, "unreadable": batch.unreadable, "crc32": zlib.crc32(batch.rows)}
            # The features first: without its line a batch does not count.
            for file, content in ((data, batch.rows), (index, json.dumps(line).encode() + b"\n")):
                file.write(content)
                file.flush()
                fsync(file.fileno())
            bar.update(len(batch.keys) + len(batch.unreadable))


def _stamp(source: ImageSource) -> str:
    """Return a mark that differs for a later file of the same name; empty for a file that is not there."""
    if isinstance(source, bytes):
        return f"{len(source)} bytes"
    path = Path(str(source))
    found = path.stat() if path.is_file() else None
    return f"{found.st_size} {found.st_mtime_ns}" if found else ""


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(path, "w") as file:
        with contextlib.suppress(ImportError):  # not there on Windows
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _report_unreadable(store: FeatureStore, pictures: KeyedImages) -> None:
    broken = [store.unreadable[key] for key, _ in pictures if key in store.unreadable]
    if broken:
        print(f"{len(broken)} of {len(pictures)} pictures are left out:", file=sys.stderr)
        more = [f"and {len(broken) - NAMED} more"] if len(broken) > NAMED else []
        print(*(f"  {reason}" for reason in [*broken[:NAMED], *more]), sep="\n", file=sys.stderr)
