"""Read stored features of images.      B batch, L locations, F feature, N bytes of an image.

A store is a folder named after the encoder's fingerprint (weights, layer, transform) with shards: files of
features, each with an index. Files only grow, each by one process at a time, so that several can build a
store together, a killed build is resumed after the last whole batch, and images of another split are added.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from captioner.encoders.feature_store.formats import format_of
from captioner.encoders.feature_store.shard import FeatureShard, IndexLine
from captioner.errors import UserError

CHECKED = 16  # batches of each shard, whenever a store is opened
ROW_BITS = 40  # a place in a store is the number of the shard and, in so many bits, the row


class FeatureStore:
    """Features on disk, by the key of their image. Picklable: each process maps the files into memory itself.

    Args:
        folder: the folder of the store.

    Attributes:
        about: the encoder's fingerprint, `grid` and `feature_dim`, the preprocessing, the `dtype`, and the
            `precision` that it was computed in, where that is not fp32.
        format: how features are written.
        grid: rows and columns of the locations.
        feature_dim: F.
        unreadable: the reason, by the key, for each image without features.
        stamps: of the file of each image when its features were computed.
        shards: by their numbers.
        serial: the greatest of all lines.

    Raises:
        UserError: the folder holds no store, or a damaged one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.unreadable: dict[str, str] = {}
        self.stamps: dict[str, str] = {}
        self.shards: dict[int, FeatureShard] = {}
        self.serial = 0
        self._places: dict[str, int] = {}
        self.refresh()
        started = [shard.about for shard in self.shards.values() if shard.about]
        if not started:
            raise UserError(f"There is no feature store in {folder}.")
        self.about: dict[str, Any] = started[0]
        if any(about != self.about for about in started):
            raise UserError(
                f"The feature store {folder} is of several encoders: delete it to build it again."
            )
        self.format = format_of(self.about)
        self.grid: tuple[int, int] = tuple(self.about["grid"])
        self.feature_dim = int(self.about["feature_dim"])
        self.verify(CHECKED)

    def refresh(self) -> set[str]:
        """Read what was written since the last time.

        Returns:
            The keys of the images that were computed, or found to be unreadable.
        """
        lines: list[tuple[int, IndexLine]] = []
        for number in _numbers_of_shards(self.folder):
            shard = self.shards.setdefault(number, FeatureShard(self.folder, number))
            lines.extend((number, line) for line in shard.new_lines())
        return {key for number, line in sorted(lines, key=_serial) for key in self.add(number, line)}

    def add(self, number: int, line: IndexLine) -> list[str]:
        """Add a batch of a shard, later than all of the same images.

        Args:
            number: of the shard.
            line: of its index.

        Returns:
            The keys of the batch.
        """
        self.serial = max(self.serial, line.serial)
        for place, (key, stamp) in enumerate(line.pictures, start=(number << ROW_BITS) + line.first):
            self._places[key], self.stamps[key] = place, stamp
            self.unreadable.pop(key, None)
        for key, reason in line.unreadable.items():
            self.unreadable[key] = reason
            self._places.pop(key, None)
            self.stamps.pop(key, None)
        return line.keys

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)

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
            if key not in self._places:
                reason = self.unreadable.get(key, "it is not in the store")
                raise UserError(f"There are no features of {key}: {reason}")
        places = [divmod(self._places[key], 1 << ROW_BITS) for key in keys]
        for number, row in places:
            self.shards[number].prefetch(row)
        bytes_BN = np.empty((len(keys), self.format.row_bytes), dtype=np.uint8)
        for position, (number, row) in enumerate(places):
            bytes_BN[position] = self.shards[number].bytes_RN[row]
        return self.format.decode(torch.from_numpy(bytes_BN))

    def verify(self, batches: int | None = None) -> None:
        """Compare features with their checksums.

        Args:
            batches: how many batches of each shard, evenly spaced with the first and the last, are compared;
                None for all. The constructor compares 16.

        Raises:
            UserError: a file is too short, or differs from what was written.
        """
        for shard in self.shards.values():
            if shard.about:
                shard.verify(batches)


def _numbers_of_shards(folder: Path) -> list[int]:
    """Return the numbers of the shards of a store, in order."""
    names: Iterable[str] = (path.name for path in folder.glob("index*.jsonl"))
    found = (re.fullmatch(r"index(?:-(\d+))?\.jsonl", name) for name in names)
    return sorted(int(match[1] or 0) for match in found if match)


def _serial(numbered: tuple[int, IndexLine]) -> int:
    return numbered[1].serial
