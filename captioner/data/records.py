"""Read the records of data files one by one: what cannot be used is named, counted and left out."""

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from captioner.errors import UserError, quotation
from captioner.files.read import read_json

NAMED = 5  # records left out that are named
_LONGEST_ID = 2**63  # tables hold ids in 64 bits
_WHOLE = re.compile(r"([+-]?\d{1,19})(?:\.0*)?", re.ASCII)

Record = dict[str, Any]
Given = TypeVar("Given")
Value = TypeVar("Value")


def whole_number(value: Any) -> int | None:
    """Return an id as an integer, or None for what is none of 64 bits.

    >>> [whole_number(value) for value in (3, 3.0, "3", "3.0", True, "3a", 3.5, 2**63, float("nan"))]
    [3, 3, 3, 3, None, None, None, None, None]
    """
    if isinstance(value, str) and (digits := _WHOLE.fullmatch(value.strip())):
        value = int(digits[1])
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not is_whole or not -_LONGEST_ID <= value < _LONGEST_ID:
        return None
    return int(value)


def checked_record(where: str, record: Any, keys: Mapping[str, type]) -> Record:
    """Return a record with whole numbers where ids are: 1.0 and "1" are 1.

    Args:
        where: the place of the record in its file, for the message.
        record: the value.
        keys: the type of each key that it must have.

    Returns:
        A new object, with the other keys as they were.

    Raises:
        UserError: it is no object, or a key is missing or of another type.
    """
    checked: Record = dict(record) if isinstance(record, dict) else {}
    for key, kind in keys.items():
        value = checked.get(key)
        value = whole_number(value) if kind is int else value
        if not isinstance(value, kind):
            raise UserError(f"{where} needs {key!r} ({kind.__name__}): {quotation(record)}")
        checked[key] = value
    return checked


def read_each(file: Path, what: str, given: Iterable[Given], read: Callable[[Given], Value]) -> list[Value]:
    """Read records; the first that cannot be used are named on standard error, all are counted.

    Args:
        file: their file.
        what: the name of the records, such as `lines`.
        given: the records.
        read: reads one; raises a UserError for one that cannot be used.

    Returns:
        Those that can be used, in order.

    Raises:
        UserError: there are records, but none that can be used; the first is named.
    """
    good: list[Value] = []
    problems: list[str] = []
    for one in given:
        try:
            good.append(read(one))
        except UserError as problem:
            problems.append(str(problem))
    if problems and not good:
        raise UserError(f"None of the {len(problems):,} {what} of {file} can be used: {problems[0]}")
    report_left_out(file, what, problems)
    return good


def report_left_out(file: Path | str, what: str, problems: Sequence[str]) -> None:
    """Print how many records are left out, and the first of them; nothing where there are none.

    Args:
        file: their file.
        what: the name of the records, such as `lines`.
        problems: a sentence on each.
    """
    if problems:
        shown = "\n".join(f"  {problem}" for problem in problems[:NAMED])
        print(f"{file}: {len(problems):,} {what} are left out, the first of them:\n{shown}", file=sys.stderr)


def read_list(
    file: Path, part: str, records: Any, read: Callable[[str, Any], Value], form: str
) -> list[Value]:
    """Read the records of a list in a JSON file, as `read_each`.

    Args:
        file: the file.
        part: the key of the list; empty where the file is the list.
        records: the list.
        read: reads one, given its place in the file.
        form: the name of the format in a sentence, such as `a COCO caption file`.

    Returns:
        Those that can be used, in order.

    Raises:
        UserError: it is no list, or there are records, but none that can be used.
    """
    if not isinstance(records, list):
        lack = f"it has no list {part!r}" if part else f"it holds a {type(records).__name__}, not a list"
        raise UserError(f"{file} is not {form}: {lack}.")
    placed = ((f"{part}[{number}]", record) for number, record in enumerate(records))
    return read_each(file, part or "records", placed, lambda one: read(*one))


def read_lists(
    file: Path, parts: Mapping[str, Callable[[str, Any], Any]], form: str, advice: str = ""
) -> Record:
    """Read a JSON object that holds lists of records.

    Args:
        file: the file.
        parts: for each list, by its key, what reads a record, given its place in the file.
        form: the name of the format in a sentence, such as `a COCO caption file`.
        advice: a sentence for a missing file: where to get it.

    Returns:
        The JSON object, its lists without the records that cannot be used.

    Raises:
        UserError: as `read_json` and `read_list`, or the file holds something else.
    """
    content = read_json(file, advice)
    if not isinstance(content, dict):
        raise UserError(f"{file} is not {form}: it holds a {type(content).__name__}, not an object.")
    return content | {
        part: read_list(file, part, content.get(part), read, form) for part, read in parts.items()
    }


def reader(keys: Mapping[str, type]) -> Callable[[str, Any], Record]:
    """Return `checked_record` for certain keys."""
    return lambda where, record: checked_record(where, record, keys)
