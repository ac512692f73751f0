"""Say what of an input cannot be captioned, each thing once."""

import sys
from pathlib import Path

from captioner.data.records import NAMED
from captioner.errors import printable


class LeftOut:
    """Say on standard error what cannot be used of files that name or hold images.

    An input is read twice, to count its images and to caption them; a problem is said once.

    Attributes:
        broken_files: files that could not be read to their ends; the images in the rest of them are missing.
    """

    def __init__(self) -> None:
        self.broken_files: dict[Path, str] = {}
        self._rows: dict[Path, set[str]] = {}
        self._said: set[str] = set()

    def file(self, file: Path, problem: str) -> None:
        """Note a file that cannot be read, or not to its end."""
        if file not in self.broken_files:
            self.broken_files[file] = problem
            self.say(f"left out: {problem}")

    def row(self, file: Path, problem: str) -> None:
        """Note a row that names no image; the first ones of a file are said."""
        rows = self._rows.setdefault(file, set())
        if problem not in rows and len(rows) <= NAMED:
            rows.add(problem)
            more = len(rows) > NAMED
            self.say(f"left out: {file}, {'and more' if more else problem}")

    def say(self, text: str) -> None:
        """Print a line that was not printed yet."""
        if text not in self._said:
            self._said.add(text)
            print(printable(text), file=sys.stderr)
