"""Read pairs of a text file, one a line, separated by tabs."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from captioner.data.files import one_line, read_text
from captioner.data.splits import SPLITS
from captioner.errors import UserError, nearest

NAMED = 5  # lines left out that are named


class PairLine(NamedTuple):
    """A pair of a file; `split` is None where the file gives none."""

    source: str
    target: str
    split: str | None


def read_pairs(file: Path) -> Iterator[PairLine]:
    """Read the pairs of a file: source, target and, if given, the split.

    White space within a text becomes one space. A line that is no pair, or whose source was in another
    split before, is left out; the first of these are named on standard error, all are counted.

    Args:
        file: a text file with two or three columns.

    Yields:
        Its pairs in order.

    Raises:
        UserError: the file cannot be read, or has no pair.
    """
    problems: list[str] = []
    splits: dict[str, str | None] = {}
    for number, text in enumerate(read_text(file).split("\n"), start=1):
        if not text.strip():
            continue
        try:
            line = _line(text)
            if splits.setdefault(line.source, line.split) != line.split:
                now, before = (split or "no split" for split in (line.split, splits[line.source]))
                raise UserError(f"{line.source!r:.60} is in {now} here, in {before} on an earlier line")
        except UserError as problem:
            problems.append(f"line {number}: {problem}")
            continue
        yield line
    if not splits:
        first = f", {problems[0]}" if problems else ": it is empty"
        raise UserError(f"{file} has no pair of a source and its target with a tab between{first}.")
    if problems:
        shown = "\n".join(f"  {problem}" for problem in problems[:NAMED])
        print(f"{file}: {len(problems)} lines are left out, the first of them:\n{shown}", file=sys.stderr)


def _line(text: str) -> PairLine:
    columns = [one_line(column) for column in text.split("\t")]
    if not 2 <= len(columns) <= 3:
        raise UserError(f"2 or 3 columns are needed (source, target, split), here are {len(columns)}")
    source, target, *split = columns
    if not source or not target:
        raise UserError(f"the {'target' if source else 'source'} is empty")
    if split and split[0] not in SPLITS:
        raise UserError(f"the split is {split[0]!r:.40}. {nearest(split[0], SPLITS)}")
    return PairLine(source, target, SPLITS[split[0]] if split else None)
