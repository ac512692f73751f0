"""Read pairs of a text file, one a line, separated by tabs."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from captioner.data.records import report_left_out
from captioner.data.splits import SPLITS
from captioner.errors import UserError, nearest, quotation
from captioner.files.read import one_line, read_text

SPLIT_COLUMN = 2


class PairLine(NamedTuple):
    """A pair of a file; `split` is None where the file gives none."""

    source: str
    target: str
    split: str | None


def read_pairs(file: Path) -> Iterator[PairLine]:
    """Read the pairs of a file: source, target and, if given, the split.

    White space within a text becomes one space. A line that is no pair, or whose source was in another
    split before, is left out; the first of these are named on standard error, all are counted. A third column
    that names no split on any line, such as the licence of Tatoeba's pairs, is not used.

    Args:
        file: a text file with two or three columns.

    Yields:
        Its pairs in order.

    Raises:
        UserError: the file cannot be read, or has no pair.
    """
    problems: list[str] = []
    splits: dict[str, str | None] = {}
    lines = [
        (number, text) for number, text in enumerate(read_text(file).split("\n"), start=1) if text.strip()
    ]
    has_splits = _has_splits(file, [text for _, text in lines])
    for number, text in lines:
        try:
            line = _line(text, has_splits)
            if splits.setdefault(line.source, line.split) != line.split:
                now, before = (split or "no split" for split in (line.split, splits[line.source]))
                where = f"is in {now} here, in {before} on an earlier line"
                raise UserError(f"{quotation(line.source)} {where}")
        except UserError as problem:
            problems.append(f"line {number}: {problem}")
            continue
        yield line
    if not splits:
        first = f", {problems[0]}" if problems else ": it is empty"
        raise UserError(f"{file} has no pair of a source and its target with a tab between{first}.")
    report_left_out(file, "lines", problems)


def _has_splits(file: Path, texts: list[str]) -> bool:
    """Return whether the third column holds splits; one that never does is named on standard error."""
    third = [one_line(columns[SPLIT_COLUMN]) for text in texts if len(columns := text.split("\t")) == 3]
    if not third or any(split in SPLITS for split in third):
        return True
    print(f"{file}: the third column is not used, it names no split: {quotation(third[0])}", file=sys.stderr)
    return False


def _line(text: str, has_splits: bool) -> PairLine:
    columns = [one_line(column) for column in text.split("\t")]
    if not 2 <= len(columns) <= 3:
        raise UserError(f"2 or 3 columns are needed (source, target, split), here are {len(columns)}")
    source, target, *split = columns if has_splits else columns[:SPLIT_COLUMN]
    if not source or not target:
        raise UserError(f"the {'target' if source else 'source'} is empty")
    if split and split[0] not in SPLITS:
        raise UserError(f"the split is {quotation(split[0])}. {nearest(split[0], SPLITS)}")
    return PairLine(source, target, SPLITS[split[0]] if split else None)
