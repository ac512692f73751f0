"""Images inside larger files, whose bytes are read when they are decoded."""

from pathlib import Path
from typing import NamedTuple


class PackedImage(NamedTuple):
    """An encoded image inside a larger file.

    Attributes:
        folder: the address of the file's folder.
        file: the name of the file.
        name: the name of the image in it.
        offset: the image's first byte.
        size: its number of bytes.
    """

    folder: str
    file: str
    name: str
    offset: int
    size: int

    def __str__(self) -> str:
        """Return the address of the file with the name of the image."""
        folder = "" if self.folder == "." else f"{self.folder}/"
        return f"{folder}{self.file}/{self.name}"

    def read(self) -> bytes:
        """Return the bytes of the image.

        Returns:
            `size` bytes.

        Raises:
            OSError: the file is not there or has become shorter.
        """
        # Imported here: only shards need it, and images are at the root of everything.
        from captioner.files.file_system import open_folder

        file_system, path = open_folder(self.folder)
        end = self.offset + self.size
        content: bytes = file_system.cat_file(f"{path}/{self.file}", start=self.offset, end=end)
        if len(content) < self.size:
            raise OSError(f"{self.file} has become shorter")
        return content


def encoded_bytes(source: Path | bytes | PackedImage) -> bytes:
    """Return the bytes of an image's file."""
    match source:
        case Path():
            return source.read_bytes()
        case PackedImage():
            return source.read()
    return source
