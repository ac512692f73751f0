"""Text and JSON files that people give: read as UTF-8, and every failure said in one sentence."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from captioner.errors import UserError


def read_text(path: Path, advice: str = "", newline: str | None = None) -> str:
    """The text of a file, without a byte order mark; `advice` says where to get it if it is missing.

    Every kind of line end comes as a line feed; with `newline` "" as it stands.

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
    """What a JSON file holds.

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
    """An object in JSON whose lists `parts` hold objects with certain keys of certain types.

    `what` names the form in a sentence: `a COCO caption file`.

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
    """Refuse what is not a list of objects with these keys, of these types.

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


def one_line_each(captions: Iterable[str]) -> list[str]:
    r"""Captions with every run of white space, newlines included, as one space; blank ones left out.

    >>> one_line_each([" A dog\n on\u2028 grass. ", " \t"])
    ['A dog on grass.']
    """
    return [line for line in map(one_line, captions) if line]


def one_line(text: str) -> str:
    """A text with every run of white space as one space, and none around it."""
    return " ".join(encodable(text).split())


def encodable(text: str) -> str:
    """A text with half surrogate pairs, which JSON can spell and no table or UTF-8 file can hold, as `?`."""
    return text.encode("utf-8", "replace").decode("utf-8")
