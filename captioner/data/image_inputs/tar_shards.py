"""Find the images inside WebDataset shards, which are tar archives."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from captioner.data.formats.tar_files import tar_files
from captioner.data.image_inputs.left_out import LeftOut
from captioner.errors import UserError
from captioner.image_formats import SUFFIXES
from captioner.packed_image import PackedImage


def tar_images(shard: Path, left_out: LeftOut) -> Iterator[tuple[str, PackedImage]]:
    """Find the images of a shard; their bytes are not read.

    Args:
        shard: a tar archive, not compressed.
        left_out: is told where it is broken; what comes before is found.

    Yields:
        The name of each image inside the archive, and its place.
    """
    folder = str(shard.parent)
    try:
        with shard.open("rb") as stream:
            for file in tar_files(stream, shard.stat().st_size):
                if PurePosixPath(file.name).suffix.lower() in SUFFIXES:
                    yield file.name, PackedImage(folder, shard.name, file.name, file.offset_data, file.size)
    except UserError as problem:
        left_out.file(shard, f"the shard {shard}: {problem}.")
    except OSError as problem:
        left_out.file(shard, f"the shard {shard} cannot be read: {problem.strerror}.")
