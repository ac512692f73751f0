"""A corpus for language models: the source of Python's standard library, or any files."""

import glob
import hashlib
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from captioner.data.text.alphabet import Unit
from captioner.data.text.streams import Cut, Split, cut_text
from captioner.errors import UserError, nearest
from captioner.files.read import read_text
from captioner.ranges import Count, Fraction, PathName
from captioner.registry import Registry

CORPORA: Registry["Corpus"] = Registry("corpus", "captioner.data.text")
"""Corpora, by the `name` of a config's `data`."""

PACKAGES = (
    *("asyncio", "collections", "concurrent", "email", "http", "json"),
    *("logging", "multiprocessing", "re", "urllib", "xml"),
)
"""Packages of the standard library that are read beside its single modules."""


class FoundText(NamedTuple):
    """A text, and the reason for each file that was left out of it."""

    text: str | bytes
    problems: list[str]


@CORPORA.register("corpus")
class Corpus:
    """A text, how it is split, and how it is cut into chunks.

    Args:
        path: a file, a folder (all files in it, by name) or a pattern; by default the source of Python's
            standard library: its public modules and some packages, in order, those in plain ASCII.
        unit: symbols are characters or bytes; bytes allow any file, text or not.
        split: how train, val and test are split (`streams.cut_text`).
        val_fraction: share of the text for val; 0 for no validation.
        test_fraction: share of the text for test.
        chunk_length: symbols of every stream in an update.
        validation_streams: streams of val, each from a zero state: 1 is exact, more are faster.

    Raises:
        UserError: an option is out of range.
    """

    def __init__(
        self,
        path: PathName | None = None,
        unit: Unit = "characters",
        split: Split = "tail",
        val_fraction: Fraction = 0.1,
        test_fraction: Fraction = 0.0,
        chunk_length: Count = 100,
        validation_streams: Count = 1,
    ) -> None:
        if val_fraction + test_fraction >= 1:
            raise UserError("data.val_fraction and data.test_fraction must be below 1 together.")
        if split == "char_rnn" and validation_streams != 1:
            raise UserError(
                "data.validation_streams has no meaning for the split char_rnn: its rows are those."
            )
        self.path = path
        self.unit: Unit = unit
        self.split: Split = split
        self.val_fraction, self.test_fraction = val_fraction, test_fraction
        self.chunk_length, self.validation_streams = chunk_length, validation_streams

    def read(self) -> str | bytes:
        """Read the whole text; the number of files left out goes to standard error.

        Returns:
            The text.

        Raises:
            UserError: there is no text; a single file is empty, binary or not UTF-8.
        """
        text, problems = self.read_files()
        if problems:
            print(f"{len(problems)} files are left out; the first: {problems[0]}", file=sys.stderr)
        return text

    def read_files(self) -> FoundText:
        """Read the whole text.

        Returns:
            The text, and why files were left out of it.

        Raises:
            UserError: as `read`.
        """
        if self.path is None:
            texts, problems = _readable(standard_library())
            text = "".join(text for text in texts if text.isascii())
            return FoundText(text.encode() if self.unit == "bytes" else text, problems)
        files = _found(self.path)
        if self.unit == "bytes":
            found = FoundText(b"".join(file.read_bytes() for file in files), [])
        elif len(files) == 1:
            found = FoundText(_one(files[0]), [])
        else:
            texts, problems = _readable(files)
            found = FoundText("".join(texts), problems)
        if not found.text:
            raise UserError(f"{self.path} is empty: there is nothing to learn from.")
        return found

    def cut(self, length: int, batch_size: int) -> Cut:
        """Split a text for training.

        Args:
            length: its length in symbols.
            batch_size: streams of training.

        Returns:
            The stretches of each split.

        Raises:
            UserError: the text is too short; the message has the length that is needed.
        """
        needed = batch_size * self.chunk_length
        cut = self._cut(length, batch_size)
        here = sum(stream.length for stream in cut.parts["train"])
        if here < needed:
            raise UserError(
                f"The text is too short: {length:,} {self.unit} leave {here:,} to predict in training, but "
                f"training.batch_size={batch_size} streams of data.chunk_length={self.chunk_length} need "
                f"{needed:,}. Give more text, or lower one of them."
            )
        for name, fraction in (("val", self.val_fraction), ("test", self.test_fraction)):
            if fraction and cut.parts[name][0].length < 1:
                raise UserError(
                    f"The text is too short: of {length:,} {self.unit} none is left for {name} "
                    f"(data.{name}_fraction={fraction})."
                )
        return cut

    def cut_to_read(self, split: str, length: int, batch_size: int) -> Cut:
        """Split a text of which only one split is read.

        Args:
            split: the split.
            length: length of the text in symbols.
            batch_size: streams of training.

        Returns:
            The stretches of each split.

        Raises:
            UserError: there is no such split, or it is empty.
        """
        cut = self._cut(length, batch_size)
        if split not in cut.parts:
            raise UserError(f"There is no split {split!r}. {nearest(split, cut.parts)}")
        if cut.parts[split][0].length < 1:
            held = ", ".join(name for name, stretches in cut.parts.items() if stretches[0].length > 0)
            raise UserError(
                f"Of the text's {length:,} {self.unit} nothing is left for {split}: take another split "
                f"({held or 'there is none'}), or set {split}_fraction=0.1."
            )
        return cut

    def _cut(self, length: int, batch_size: int) -> Cut:
        fractions = self.val_fraction, self.test_fraction
        return cut_text(self.split, length, *fractions, batch_size, self.chunk_length)


def fingerprint(text: str | bytes, unit: Unit) -> dict[str, int | str]:
    """Return what identifies a text: its length and its SHA-256."""
    raw = text if isinstance(text, bytes) else text.encode()
    return {unit: len(text), "sha256": hashlib.sha256(raw).hexdigest()}


def standard_library() -> list[Path]:
    """Return the source files of Python's standard library.

    Returns:
        Its public modules and the packages in PACKAGES, sorted.

    Raises:
        UserError: this Python came without its source.
    """
    root = Path(sysconfig.get_path("stdlib"))
    files = [*root.glob("[a-z]*.py"), *(file for name in PACKAGES for file in (root / name).rglob("*.py"))]
    if not files:
        raise UserError(f"Python's standard library has no source in {root}: give a text (data.path=FILE).")
    return sorted(files, key=lambda file: file.relative_to(root).as_posix())


def _found(path: str) -> list[Path]:
    """Return the files that a user names, sorted."""
    place = Path(path).expanduser()
    if place.is_file():
        return [place]
    if place.is_dir():
        inside = (file for file in place.rglob("*") if file.is_file())
        files = [f for f in inside if not any(p.startswith(".") for p in f.relative_to(place).parts)]
    else:
        files = [Path(name) for name in glob.glob(str(place), recursive=True) if Path(name).is_file()]
    if not files:
        raise UserError(f"There is no text at {path} (data.path takes a file, a folder or a pattern).")
    return sorted(files, key=lambda file: file.as_posix())


def _one(file: Path) -> str:
    text = read_text(file, newline="")
    if "\0" in text:
        raise UserError(f"{file} is not text but binary; data.unit=bytes reads it as it is.")
    return text


def _readable(files: Iterable[Path]) -> tuple[list[str], list[str]]:
    """Return the texts of files, and why others are left out."""
    texts, problems = [], []
    for file in files:
        try:
            texts.append(_one(file))
        except UserError as problem:
            problems.append(str(problem))
    if not texts:
        raise UserError(f"None of {len(problems)} files can be read; the first: {problems[0]}")
    return texts, problems
