"""One file of stored features with its index.      R images of the file, N bytes of an image."""

import json
import mmap
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from captioner.encoders.feature_store.formats import FeatureFormat, format_of
from captioner.errors import UserError


class IndexLine(NamedTuple):
    """A batch in an index.

    Attributes:
        serial: greater than that of each earlier batch with the same image.
        first: the row of the batch's first image in the file.
        pictures: the key and the stamp of each image, in the order of the file.
        unreadable: the reason, by the key, for each image without features.
    """

    serial: int
    first: int
    pictures: Sequence[tuple[str, str]]
    unreadable: Mapping[str, str]

    @property
    def keys(self) -> list[str]:
        """All images of the batch."""
        return [*(key for key, _ in self.pictures), *self.unreadable]


class _StoredBatch(NamedTuple):
    first: int
    rows: int
    crc32: int


class FeatureShard:
    """A file of features and its index, which only grow. Picklable: each process maps the file itself.

    The index has a line about the encoder and then one for every batch. A batch without its line does not
    count: the next writer removes it.

    Args:
        folder: of the store.
        number: of the shard. The first one, 0, is not in the names of its files.

    Attributes:
        about: the line about the encoder; empty while there is none.
        format: how features are written, as that line says.
        rows: R.
    """

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self._folder = folder
        self._suffix = f"-{number}" if number else ""
        self.about: dict[str, Any] = {}
        self.format: FeatureFormat
        self.rows = 0
        self._index_bytes = 0
        self._batches: list[_StoredBatch] = []
        self._file: mmap.mmap | None = None
        self._bytes_RN = np.empty((0, 0), dtype=np.uint8)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_file": None, "_bytes_RN": None}

    @property
    def index_path(self) -> Path:
        """The file with a line for every batch."""
        return self._folder / f"index{self._suffix}.jsonl"

    @property
    def data_path(self) -> Path:
        """The file with the features."""
        return self._folder / f"features{self._suffix}{self.format.suffix}"

    @property
    def lock_path(self) -> Path:
        """The file that its writer locks."""
        return self._folder / f"lock{self._suffix or '-0'}"

    @property
    def claim_path(self) -> Path:
        """The file with the images that its writer is about to compute."""
        return self._folder / f"claim{self._suffix or '-0'}.json"

    def new_lines(self) -> Iterator[IndexLine]:
        """Read the batches that were written since the last call.

        Yields:
            Whole lines; one that a kill cut off is none.

        Raises:
            UserError: a line does not belong in an index.
        """
        with open(self.index_path, "rb") as file:
            file.seek(self._index_bytes)
            content = file.read()
        content = content[: content.rfind(b"\n") + 1]
        self._index_bytes += len(content)
        try:
            for text in content.splitlines():
                line = json.loads(text)
                if not self.about:
                    self._describe(line)
                    continue
                pictures = [(str(key), str(stamp)) for key, stamp in line["pictures"]]
                yield self._added(
                    line.get("serial", 0), pictures, dict(line["unreadable"]), int(line["crc32"])
                )
        except (ValueError, KeyError, TypeError) as error:
            raise self.damaged() from error

    def start(self, about: Mapping[str, Any]) -> None:
        """Write the line about the encoder.

        Args:
            about: its content.
        """
        content = json.dumps(about).encode() + b"\n"
        self.index_path.write_bytes(content)
        self._index_bytes = len(content)
        self._describe(about)

    def _describe(self, about: Mapping[str, Any]) -> None:
        self.format = format_of(about)
        self.about = {**about}

    def append(
        self,
        serial: int,
        pictures: Sequence[tuple[str, str]],
        unreadable: Mapping[str, str],
        bytes_RN: NDArray[np.uint8],
    ) -> IndexLine:
        """Bring a batch to the disk.

        Args:
            serial: of its line.
            pictures: the key and the stamp of each image.
            unreadable: the reason, by the key, for each image without features.
            bytes_RN: the features.

        Returns:
            The line.
        """
        data = bytes_RN.tobytes()
        crc32 = zlib.crc32(data)
        line = {"serial": serial, "pictures": pictures, "unreadable": unreadable, "crc32": crc32}
        content = json.dumps(line).encode() + b"\n"
        # The features first: without its line a batch does not count.
        for path, written in ((self.data_path, data), (self.index_path, content)):
            with open(path, "ab") as file:
                file.write(written)
                file.flush()
                os.fsync(file.fileno())
        self._index_bytes += len(content)
        return self._added(serial, pictures, unreadable, crc32)

    def _added(
        self, serial: int, pictures: Sequence[tuple[str, str]], unreadable: Mapping[str, str], crc32: int
    ) -> IndexLine:
        line = IndexLine(serial, self.rows, pictures, unreadable)
        if pictures:
            self._batches.append(_StoredBatch(self.rows, len(pictures), crc32))
        self.rows += len(pictures)
        return line

    def truncate(self) -> None:
        """Remove what a killed writer left without its line; only the next writer may."""
        self.data_path.touch()
        os.truncate(self.data_path, self.rows * self.format.row_bytes)
        os.truncate(self.index_path, self._index_bytes)

    @property
    def bytes_RN(self) -> NDArray[np.uint8]:
        """The file of all images, mapped into memory."""
        self._mapped()
        return self._bytes_RN

    def prefetch(self, row: int) -> None:
        """Ask the system to read an image from the disk, all of it at once and beside others."""
        if hasattr(mmap, "MADV_WILLNEED"):  # not there on Windows
            start = row * self.format.row_bytes
            page = start - start % mmap.PAGESIZE
            self._mapped().madvise(mmap.MADV_WILLNEED, page, start + self.format.row_bytes - page)

    def _mapped(self) -> mmap.mmap:
        if self._file is None or len(self._bytes_RN) < self.rows:
            size = self.rows * self.format.row_bytes
            with open(self.data_path, "rb") as file:
                self._file = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
            self._bytes_RN = np.frombuffer(self._file, np.uint8).reshape(self.rows, -1)
        return self._file

    def verify(self, batches: int | None) -> None:
        """Compare features with their checksums.

        Args:
            batches: how many, evenly spaced with the first and the last; None for all.

        Raises:
            UserError: the file is too short, or differs from what was written.
        """
        size = self.data_path.stat().st_size if self.data_path.is_file() else 0
        if size < self.rows * self.format.row_bytes:
            raise self.damaged()
        count = len(self._batches)
        for place in np.linspace(0, count - 1, min(batches or count, count)).round().astype(int):
            first, rows, crc32 = self._batches[place]
            if zlib.crc32(self.bytes_RN[first : first + rows].data) != crc32:
                raise self.damaged()

    def damaged(self) -> UserError:
        """Return an error that says what to delete."""
        features = f"features{self._suffix}.*"
        return UserError(
            f"The feature store is damaged: delete {self.index_path} and {features} beside it, and what they "
            "hold is computed again."
        )
