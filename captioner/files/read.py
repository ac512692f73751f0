"""Read text and JSON files that users give: as UTF-8, with one sentence for every failure."""

import hashlib
import json
from collections.abc import Iterable
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
    return parse_json(read_text(path, advice), f"{path}", " Is it complete?")


def parse_json(text: str, where: str, advice: str = "") -> Any:
    """Parse JSON.

    Args:
        text: the text.
        where: its file, or a line of it, for the message.
        advice: a sentence to end the message with.

    Returns:
        The value.

    Raises:
        UserError: it is not JSON, or its brackets or its digits are too many to be read.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}" if "\n" in text else f"column {error.colno}"
        raise UserError(f"{where} is not JSON: {error.msg} ({place}).{advice}") from None
    except RecursionError:
        raise UserError(f"{where} cannot be read: its brackets are nested too deeply.") from None
    except ValueError:  # Python's limit for the digits of an integer
        raise UserError(f"{where} cannot be read: it has a number with thousands of digits.") from None


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
