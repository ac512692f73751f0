"""Find the files inside a tar archive."""

import tarfile
from collections.abc import Iterator
from typing import BinaryIO

from captioner.errors import UserError


def tar_files(stream: BinaryIO, size: int) -> Iterator[tarfile.TarInfo]:
    """Find the files of an archive that are whole; their bytes are passed over.

    Args:
        stream: the archive, not compressed, which can be sought in.
        size: its number of bytes.

    Yields:
        Name, place and size of each file.

    Raises:
        UserError: it is no archive, or ends before its end mark; what comes before is found.
    """
    try:
        archive = tarfile.open(fileobj=stream, mode="r:")  # noqa: SIM115 (the stream is the caller's)
    except tarfile.TarError:
        raise UserError("it is not a tar file" if size else "it is empty") from None
    try:
        for member in archive:
            archive.members = []  # type: ignore[attr-defined]  # else 1 kB of every member is kept
            if member.isfile() and member.offset_data + member.size <= size:
                yield member
    except (tarfile.TarError, EOFError) as problem:
        raise UserError(f"it is cut off or damaged after byte {archive.offset:,}: {problem}") from None
    # tarfile takes a damaged header, or a cut between two members, for the end.
    stream.seek(archive.offset)
    if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise UserError(f"it is cut off or damaged after byte {archive.offset:,}: it has no end mark there")
