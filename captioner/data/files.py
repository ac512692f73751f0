"""Text and JSON files that people give: read as UTF-8, and every failure said in one sentence."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from captioner.errors import UserError


def read_text(path: Path, advice: str = "", newline: str | None = None) -> str:
    """The text of a file, without a byte order mark; `advice` says where to get it if it is missing.

    Every kind of line end comes as a line feed; with `newline` "" as it stands.

    Raises:
        UserError: the file is missing, unreadable or not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig", newline=newline) as file:
            return file.read()
    except FileNotFoundError:
        raise UserError(f"There is no file {path}. {advice}".rstrip()) from None
    except UnicodeDecodeError as error:
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


def one_line_each(captions: Iterable[str]) -> list[str]:
    r"""Captions with every run of white space, newlines included, as one space; blank ones left out.

    >>> one_line_each([" A dog\n on\u2028 grass. ", " \t"])
    ['A dog on grass.']
    """
    # JSON can spell half of a surrogate pair, which no table and no UTF-8 file can hold.
    lines = (" ".join(caption.split()).encode("utf-8", "replace").decode("utf-8") for caption in captions)
    return [line for line in lines if line]
