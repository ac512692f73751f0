"""Name the images that a command is given: in files, folders, patterns, lists and shards."""

import glob
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from captioner.data.image_inputs.folders import TAR, folder_files
from captioner.data.image_inputs.left_out import LeftOut
from captioner.data.image_inputs.lists import parquet_images, parquet_names, table_paths, text_paths
from captioner.data.image_inputs.tar_shards import tar_images
from captioner.errors import UserError
from captioner.files.name_set import NameSet
from captioner.paths import expanded

if TYPE_CHECKING:
    from captioner.images import ImageSource

Reader = Callable[[Path, LeftOut], "Iterator[tuple[str, ImageSource]]"]
READERS: Mapping[str, Reader] = {
    ".txt": text_paths,
    ".csv": table_paths,
    ".jsonl": table_paths,
    ".parquet": parquet_images,
    TAR: tar_images,
}
"""Of files that name or hold many images, by their endings."""


class ImageInputs:
    """Images by their names, each once; read from the disk anew whenever they are iterated over.

    Args:
        names: files, folders that are searched with their subfolders, glob patterns, lists (.txt, .csv,
            .jsonl, .parquet) and tar shards.

    Attributes:
        left_out: what could not be used.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.left_out = LeftOut()

    def __iter__(self) -> "Iterator[tuple[str, ImageSource]]":
        """Yield names and images; one that is named is there though its file may not exist."""
        seen = NameSet()
        return (image for image in self._all(READERS) if seen.add(image[0]))

    def count(self) -> int:
        """Count the images, without their bytes, and say which names come more than once.

        Returns:
            The number of different names.

        Raises:
            UserError: there are none, or a list cannot be used.
        """
        seen, named = NameSet(), 0
        for name, _ in self._all({**READERS, ".parquet": parquet_names}):
            named += 1
            seen.add(name)
        if not seen:
            broken = next(iter(self.left_out.broken_files.values()), "")
            raise UserError(f"There is no picture at {', '.join(self.names)}. {broken}".rstrip())
        if repeated := named - len(seen):
            self.left_out.say(f"left out: {repeated:,} of {named:,} pictures have the name of an earlier one")
        return len(seen)

    def _all(self, readers: Mapping[str, Reader]) -> "Iterator[tuple[str, ImageSource]]":
        for file in self._files():
            if (read := readers.get(file.suffix.lower())) is None:
                yield str(file), file
            else:
                yield from read(file, self.left_out)

    def _files(self) -> Iterator[Path]:
        for name in self.names:
            path = expanded(name)
            if path.is_dir():
                yield from folder_files(path, self.left_out)
            elif path.exists() or not glob.has_magic(name):
                yield path
            else:
                yield from sorted(Path(match) for match in glob.glob(str(path), recursive=True))
