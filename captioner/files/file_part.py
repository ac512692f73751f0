"""Name a part of a file: one of the many that an archive holds."""

from pathlib import Path
from typing import NamedTuple


class FilePart(NamedTuple):
    """Bytes inside a file, which are read when they are needed.

    Attributes:
        file: the file, such as a tar archive.
        offset: the first byte.
        size: the number of bytes.
        name: what the archive calls them.
    """

    file: Path
    offset: int
    size: int
    name: str

    def __str__(self) -> str:
        """Return the name as messages have it."""
        return f"{self.name} of {self.file}"

    def read(self) -> bytes:
        """Return the bytes; fewer where the file ends before."""
        with self.file.open("rb") as stream:
            stream.seek(self.offset)
            return stream.read(self.size)
