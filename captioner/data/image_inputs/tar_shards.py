"""Find the images inside WebDataset shards, which are tar archives."""

import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from captioner.data.image_inputs.left_out import LeftOut
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
    try:
        with shard.open("rb") as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
            for member in archive:
                archive.members = []  # type: ignore[attr-defined]  # else 1 kB of every member is kept
                if member.isfile() and PurePosixPath(member.name).suffix.lower() in SUFFIXES:
                    yield (
                        member.name,
                        PackedImage(
                            str(shard.parent), shard.name, member.name, member.offset_data, member.size
                        ),
                    )
            stream.seek(archive.offset)
            if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError("no end of the archive")
    except tarfile.TarError as problem:
        left_out.file(shard, f"the shard {shard} is cut off or no tar archive: {problem}.")
    except OSError as problem:
        left_out.file(shard, f"the shard {shard} cannot be read: {problem.strerror}.")
