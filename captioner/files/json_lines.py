"""Write JSON lines that a later run goes on with: no finished line is lost or doubled by a kill."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from captioner.errors import UserError
from captioner.files.name_set import NameSet
from captioner.files.read import read_json

Item = TypeVar("Item")


class ResumableLines:
    """A file of JSON objects, one a line, each with a name of its own.

    What computes the lines is kept in a file beside it, `NAME.settings.json`: a run with other settings does
    not go on with them. Of the names that are there hashes are kept in memory, so that millions fit.

    Args:
        file: the file; made where there is none.
        key: the key of a line's name.
        settings: what the lines depend on, as JSON holds it.

    Attributes:
        num_present: lines that were there already.

    Raises:
        UserError: the file holds something else, or lines that were computed with other settings.
    """

    def __init__(self, file: Path, key: str, settings: Mapping[str, Any]) -> None:
        self.file = file
        self.key = key
        self._check_settings(dict(settings))
        self._names = NameSet()
        self._end = self._read() if file.exists() else 0
        self.num_present = len(self._names)

    def __enter__(self) -> Self:
        self._stream = self.file.open("r+b" if self.file.exists() else "w+b")
        self._stream.seek(self._end)
        self._stream.truncate()  # a line that was cut off
        return self

    def __exit__(self, *_: object) -> None:
        self.sync()
        self._stream.close()

    def missing(self, items: Iterable[tuple[str, Item]]) -> Iterator[tuple[str, Item]]:
        """Return the items, each with its name first, that have no line yet."""
        return ((name, item) for name, item in items if name not in self._names)

    def write(self, line: str) -> None:
        """Write a JSON object."""
        try:
            self._stream.write(line.encode("utf-8", "backslashreplace") + b"\n")
            self._stream.flush()
        except OSError as problem:  # a full disk: the error of a stream does not say which file it was
            raise OSError(problem.errno, problem.strerror, str(self.file)) from None

    def sync(self) -> None:
        """Wait until the lines are on the disk."""
        os.fsync(self._stream.fileno())

    def _check_settings(self, settings: dict[str, Any]) -> None:
        beside = self.file.with_suffix(".settings.json")
        if self.file.exists() and self.file.stat().st_size:
            if not beside.is_file():
                raise UserError(f"{self.file} is there already, and was not written by captioner.")
            if (former := read_json(beside)) != json.loads(json.dumps(settings)):
                known = former if isinstance(former, dict) else {}
                other = next((key for key in settings if known.get(key) != settings[key]), "another option")
                raise UserError(
                    f"{self.file} was written with other settings ({other}): choose another file, or remove "
                    "that one."
                )
        else:
            beside.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")

    def _read(self) -> int:
        """Read the names of the lines that are whole; returns where the last of them ends."""
        end = 0
        with self.file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.endswith(b"\n"):
                    break
                try:
                    self._names.add(json.loads(line)[self.key])
                except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                    raise UserError(f"{self.file}, line {number} is damaged: it has no {self.key}.") from None
                end += len(line)
        return end
