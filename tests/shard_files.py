"""Tar files for the tests of shards, written by Python's own tarfile."""

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path

from PIL import Image


def jpeg(number: int) -> bytes:
    """A picture that no other number has."""
    content = io.BytesIO()
    Image.new("RGB", (20 + number % 7, 18 + number % 5), (number % 256, 80, 255 - number % 256)).save(
        content, "JPEG"
    )
    return content.getvalue()


def write_tar(file: Path, members: Iterable[tuple[str, bytes]]) -> bytes:
    with tarfile.open(file, "w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.read_bytes()


def cc3m_members(numbers: Iterable[int]) -> list[tuple[str, bytes]]:
    """Members in the form of pixparse/cc3m-wds: a picture, its JSON and its text."""
    members = []
    for number in numbers:
        key, caption = f"{number:09d}", f"picture {number} of é"
        about = {"caption": caption, "key": key, "status": "success", "exif": "{}", "width": 20}
        members += [
            (f"{key}.jpg", jpeg(number)),
            (f"{key}.json", json.dumps(about).encode()),
            (f"{key}.txt", caption.encode()),
        ]
    return members
