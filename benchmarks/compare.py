"""Compare the figures of two files that benchmarks wrote with --json.

    python benchmarks/compare.py old.json new.json

Prints what differs between the machines, then the old and the new value of every figure and how many times
better or worse the new one is. Of a figure that was measured several times the last one counts. Figures that
only one of the files has are named at the end.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from report import BenchmarkRun, Figure, formatted, read_runs

from captioner.errors import UserError


def figures_of(runs: Sequence[BenchmarkRun]) -> dict[str, Figure]:
    """Return the figures of all runs by benchmark and name."""
    return {f"{run.benchmark}: {name}": figure for run in runs for name, figure in run.figures.items()}


def machine_of(runs: Sequence[BenchmarkRun]) -> dict[str, str]:
    """Return what the runs say of the machine; where they differ, all values that there are."""
    names = dict.fromkeys(name for run in runs for name in run.machine)
    return {
        name: " and ".join(dict.fromkeys(run.machine[name] for run in runs if name in run.machine))
        for name in names
    }


def differing_machine_lines(old: Sequence[BenchmarkRun], new: Sequence[BenchmarkRun]) -> list[str]:
    """Say what differs between two machines, a line for each."""
    before, after = machine_of(old), machine_of(new)
    return [
        f"{name}: {before.get(name, 'none')} -> {after.get(name, 'none')}"
        for name in before | after
        if before.get(name) != after.get(name)
    ]


def verdict(old: Figure, new: Figure) -> str:
    """Say how many times better or worse a figure has become.

    >>> seconds = [Figure(value=value, unit="s", higher_is_better=False) for value in (3.0, 2.0)]
    >>> verdict(*seconds), verdict(*reversed(seconds))
    ('1.50 times better', '1.50 times worse')
    """
    if old.unit != new.unit:
        return f"no ratio: the old one is in {old.unit}"
    if old.value == new.value:
        return "the same"
    above, below = (new.value, old.value) if new.higher_is_better else (old.value, new.value)
    gain = above / below if below > 0 and above > 0 else math.nan
    if not math.isfinite(gain):
        return "no ratio"
    return f"{gain:.2f} times better" if gain > 1 else f"{1 / gain:.2f} times worse"


def comparison(old: Sequence[BenchmarkRun], new: Sequence[BenchmarkRun]) -> list[str]:
    """Return the lines that are printed."""
    before, after = figures_of(old), figures_of(new)
    both = [name for name in before if name in after]
    width = max(map(len, both), default=0)
    return [
        *differing_machine_lines(old, new),
        "",
        *(
            f"{name:{width}} {formatted(before[name].value):>9} -> {formatted(after[name].value):>9}"
            f" {after[name].unit}, {verdict(before[name], after[name])}"
            for name in both
        ),
        *(f"only in the old file: {name}" for name in before if name not in after),
        *(f"only in the new file: {name}" for name in after if name not in before),
    ]


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path, metavar="OLD")
    parser.add_argument("new", type=Path, metavar="NEW")
    options = parser.parse_args()
    try:
        lines = comparison(read_runs(options.old), read_runs(options.new))
    except UserError as mistake:
        print(mistake, file=sys.stderr)
        sys.exit(2)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
