"""Read stored features of images.      B batch, L locations, F feature, R rows of the file.

A store is a folder named after the encoder's fingerprint (weights, layer, transform) with two files that
only grow: `features.f16`, the rows (L, F) of all images, and `index.jsonl`, a line about the encoder and
then one for every batch written, with its images and a checksum. A batch without its line is ignored, so
that a killed build is resumed after the last whole batch, and images of another split are appended.
"""

import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from captioner.errors import UserError


class _Chunk(NamedTuple):
    first: int
    rows: int
    crc32: int


class FeatureStore:
    """Features on disk, by the key of their image. Picklable: each process maps the file into memory itself.

    Args:
        folder: the folder of the store.

    Attributes:
        grid: rows and columns of the locations.
        feature_dim: F.
        unreadable: the reason, by the key, for each image without features.

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
        # Read in the order of the file, each image once.
        rows, order = np.unique([self._rows[key] for key in keys], return_inverse=True)
        return torch.from_numpy(self._mapped()[rows]).float()[torch.from_numpy(order)]

    def verify(self, chunks: int | None = None) -> None:
        """Compare features with their checksums.

        Args:
            chunks: how many batches, evenly spaced with the first and the last, are compared; None for all.
                The constructor compares 16.

        Raises:
            UserError: the file is too short, or differs from what was written.
        """
        size = self.data_path.stat().st_size if self.data_path.is_file() else 0
        filled = [chunk for chunk in self._chunks if chunk.rows]
        checked = np.linspace(0, len(filled) - 1, min(chunks or len(filled), len(filled))).round().astype(int)
        if size < self.data_bytes or not all(self._is_sound(filled[index]) for index in checked):
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
