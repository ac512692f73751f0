"""Read captioned images from a WebDataset shard: a tar file with KEY.jpg and KEY.txt or KEY.json."""

import tarfile
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, BinaryIO, NamedTuple

from captioner.data.formats.tar_files import tar_files
from captioner.data.records import whole_number
from captioner.errors import UserError, quotation
from captioner.files.read import encodable, one_line_each, parse_json
from captioner.image_formats import SUFFIXES

LONGEST_TEXT = 10_000_000  # bytes of a member with captions


class TarSample(NamedTuple):
    """An image in a tar file with its captions; `offset` and `size` are those of the image's bytes."""

    image_id: int
    member: str
    offset: int
    size: int
    captions: list[str]


class TarContent(NamedTuple):
    """The samples of a tar file, and a sentence on each that is left out."""

    samples: list[TarSample]
    problems: list[str]


def read_tar(stream: BinaryIO, size: int) -> TarContent:
    """Read the headers and captions of a shard; the bytes of images are passed over.

    A key is what stands before the first dot of a member's name. The id of a sample is `image_id` in its
    JSON, else its key where that is a number, else a hash of the key. Captions are the lines of its text,
    else `captions` or `caption` of its JSON.

    Args:
        stream: the shard, which can be sought in.
        size: its number of bytes.

    Returns:
        The samples whose members are whole.
    """
    parts: dict[str, dict[str, tarfile.TarInfo]] = {}
    repeated: dict[str, None] = {}
    problems: list[str] = []
    try:
        for member in tar_files(stream, size):
            key, ending = _split_name(member.name)
            own = parts.setdefault(key, {})
            if ending in own:
                repeated[key] = None
            own.setdefault(ending, member)
    except UserError as problem:
        problems.append(str(problem))
    problems += [f"{quotation(key)} is there twice; the first is taken" for key in repeated]
    samples = []
    for key, own in parts.items():
        try:
            samples.append(_sample(stream, key, own))
        except UserError as problem:
            problems.append(str(problem))
    return TarContent(samples, problems)


def _split_name(name: str) -> tuple[str, str]:
    folder, slash, base = name.rpartition("/")
    key, _, ending = base.partition(".")
    return folder + slash + key, ending.lower()


def _sample(stream: BinaryIO, key: str, own: Mapping[str, tarfile.TarInfo]) -> TarSample:
    image = next((member for ending, member in own.items() if f".{ending}" in SUFFIXES), None)
    name = quotation(key)
    if image is None:
        raise UserError(f"{name} has no picture, only {', '.join(own)}")
    if image.name != encodable(image.name):
        raise UserError(f"{name} is no name in UTF-8")
    about = parse_json(_text(stream, own["json"], name), f"{name}.json") if "json" in own else {}
    if not isinstance(about, dict):
        raise UserError(f"{name}.json holds no JSON object: {quotation(about)}")
    if "txt" in own:
        captions = _text(stream, own["txt"], name).splitlines()
    elif "captions" in about or "caption" in about:
        captions = _captions(name, about.get("captions", about.get("caption")))
    else:
        raise UserError(f"{name} has no captions: no text, and no 'captions' in its JSON")
    image_id = whole_number(about.get("image_id"))
    image_id = _id_of(key) if image_id is None else image_id
    return TarSample(image_id, image.name, image.offset_data, image.size, one_line_each(captions))


def _text(stream: BinaryIO, member: tarfile.TarInfo, name: str) -> str:
    if member.size > LONGEST_TEXT:
        raise UserError(f"{name} has captions of {member.size:,} bytes")
    stream.seek(member.offset_data)
    try:
        return stream.read(member.size).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{name} has captions that are not UTF-8 text (byte {error.start})") from None


def _captions(name: str, value: Any) -> list[str]:
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise UserError(f"{name} has captions that are no texts: {quotation(value)}")
    return texts


def _id_of(key: str) -> int:
    number = whole_number(key.rpartition("/")[2])
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest()) >> 1 if number is None else number
