"""Read text and JSON files that users give: as UTF-8, with one sentence for every failure."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from captioner.errors import UserError


def read_text(path: Path, advice: str = "", newline: str | None = None) -> str:
    """Read a text file, without its byte order mark.

    Args:
        path: the file.
        advice: a sentence for a missing file: where to get it.
        newline: None turns every kind of line end into a line feed; "" keeps them.

    Returns:
        The text.

    Raises:
        UserError: the file is missing, unreadable, binary or not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig", newline=newline) as file:
            return file.read()
    except FileNotFoundError:
        raise UserError(f"There is no file {path}. {advice}".rstrip()) from None
    except UnicodeDecodeError as error:
        if b"\0" in error.object[: error.start]:
            raise UserError(f"{path} is not text but binary.") from None
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None


def read_json(path: Path, advice: str = "") -> Any:
    """Read a JSON file.

    Args:
        path: the file.
        advice: a sentence for a missing file: where to get it.

    Returns:
        The value it holds.

    Raises:
        UserError: as `read_text`, or the text is not JSON (a download that broke off, for instance).
    """
    text = read_text(path, advice)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path} is not JSON: {error.msg} (line {error.lineno}, column {error.colno}); is it complete?"
        ) from None


def read_records(file: Path, parts: Mapping[str, Mapping[str, type]], what: str, advice: str = "") -> Any:
    """Read a JSON object that holds lists of objects, and check these.

    Args:
        file: the file.
        parts: for each list, by its key, the keys and types of its objects.
        what: the name of the format in a sentence, such as `a COCO caption file`.
        advice: a sentence for a missing file: where to get it.

    Returns:
        The JSON object.

    Raises:
        UserError: as `read_json`, or the file is not of this form; the first wrong record is named.
    """
    content = read_json(file, advice)
    if not isinstance(content, dict):
        raise UserError(f"{file} is not {what}: it holds a {type(content).__name__}, not an object.")
    for part, keys in parts.items():
        check_records(f"{file} is not {what}", part, content.get(part), keys)
    return content


def check_records(problem: str, part: str, records: Any, keys: Mapping[str, type]) -> None:
    """Refuse a value that is not a list of objects with certain keys.

    Args:
        problem: the beginning of the message.
        part: the name of the list in the message.
        records: the value.
        keys: the type of each key that every object must have.

    Raises:
        UserError: `problem`, and the first wrong record.
    """
    if not isinstance(records, list):
        lack = f"it has no list {part!r}" if part else f"it holds a {type(records).__name__}, not a list"
        raise UserError(f"{problem}: {lack}.")
    for number, record in enumerate(records):
        for key, kind in keys.items():
            if not isinstance(record, dict) or not isinstance(record.get(key), kind):
                where = f"{part}[{number}] needs {key!r} ({kind.__name__})"
                raise UserError(f"{problem}: {where}: {record!r:.80}")


def file_sha256(file: Path) -> str:
    """Return the SHA-256 of a file's bytes, as hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def one_line_each(captions: Iterable[str]) -> list[str]:
    r"""Return captions with runs of white space, newlines included, as one space; without blank ones.

    >>> one_line_each([" A dog\n on\u2028 grass. ", " \t"])
    ['A dog on grass.']
    """
    return [line for line in map(one_line, captions) if line]


def one_line(text: str) -> str:
    """Return a text with every run of white space as one space, and none around it."""
    return " ".join(encodable(text).split())


def encodable(text: str) -> str:
    """Return a text with `?` for lone surrogates, which JSON can spell and UTF-8 cannot encode."""
    return text.encode("utf-8", "replace").decode("utf-8")
