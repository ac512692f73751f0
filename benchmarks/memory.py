"""How long each cell remembers: the memory problems at growing lengths.

    python benchmarks/memory.py
    python benchmarks/memory.py --problems adding --cells lstm elman --picture docs/memory.png

Every cell of 64 units learns each problem at 10, 20, 40, ... steps, as long as it solves them, from new
sequences all the time, 32 an update, with Adam and one learning rate for all; without a second try. Printed
is the loss as a share of that without memory, which is known in closed form (copy: 10 ln 8 / (length + 20),
adding: 1/6, order: ln 4); a length is solved at a tenth, and training stops there. When the updates are used
up before, longer ones are not tried. Rows are printed as they are done.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from report import Report, benchmark_parser
from torch import nn

from captioner.cells.base import CELLS
from captioner.config import Component, Config
from captioner.data.loader import SampleIndex
from captioner.data.memory.base import MEMORY_PROBLEMS
from captioner.data.memory.batches import MemoryItems
from captioner.models.memory import MemoryModel, no_words

UNITS, BATCH, CLIP, SOLVED = 64, 32, 1.0, 0.1
LENGTHS = (10, 20, 40, 80, 160, 320)
READ_EVERY = 100

Solved = dict[str, dict[int, float]]
"""Loss as a share of that without memory, by cell and length."""


def share_of_baseline(data: Component, cell: str, updates: int, rate: float, seed: int) -> float:
    """Train until the problem is solved or the updates are used up; return the last validation's share."""
    torch.manual_seed(seed)
    config = Config(task={"name": "memory"}, data=data)
    model = MemoryModel(config, no_words(), cell={"name": cell, "hidden_dim": UNITS})
    problem = model.problem
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    train, val = (MemoryItems(problem, split, seed) for split in ("train", "val"))
    held_out = val.__getitems__([SampleIndex(0, number) for number in range(300)])
    share = 1.0
    for update in range(updates):
        batch = train.__getitems__([SampleIndex(update, number) for number in range(BATCH)])
        loss = problem.score(model(batch.inputs_NTE, problem.scored_steps), batch.targets).loss
        optimizer.zero_grad()
        torch.autograd.backward([loss])
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        if (update + 1) % READ_EVERY == 0:
            with torch.inference_mode():
                found = problem.score(model(held_out.inputs_NTE, problem.scored_steps), held_out.targets).loss
            share = float(found) / problem.baseline
            if not share > SOLVED:
                break
    return share


def measure(name: str, cells: Sequence[str], options: argparse.Namespace, figures: Report) -> Solved:
    print(f"\n{name}: loss as a share of that without memory\n")
    print(f"| cell | {' | '.join(map(str, options.lengths))} | solved | seconds |")
    print(f"| --- |{' --- |' * len(options.lengths)} --- | --- |")
    found: Solved = {}
    for cell in cells:
        started, shares = time.process_time(), {}
        for length in options.lengths:
            data = {"name": name, "length": length}
            shares[length] = share_of_baseline(data, cell, options.updates, options.rate, options.seed)
            if not shares[length] <= SOLVED:
                break
        found[cell] = shares
        columns = [f"{shares[length]:.2f}" if length in shares else "" for length in options.lengths]
        seconds = f"{time.process_time() - started:.0f}"
        figures.record(f"{name}, {cell}", solved_length(shares), "steps solved", higher_is_better=True)
        print(f"| {' | '.join([cell, *columns, str(solved_length(shares)), seconds])} |", flush=True)
    return found


def solved_length(shares: dict[int, float]) -> int:
    """Return the greatest length that was solved, 0 for none."""
    return max((length for length, share in shares.items() if share <= SOLVED), default=0)


def draw(found: dict[str, Solved], lengths: Sequence[int], file: Path) -> None:
    """Draw the solved length of every cell, a bar each, with the loss without memory in the title."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(found), figsize=(4 * len(found), 4.5), squeeze=False)
    for axis, (name, cells) in zip(axes[0], found.items(), strict=True):
        names = list(cells)[::-1]
        solved = [solved_length(cells[cell]) for cell in names]
        colours = ["#2f6f9f" if length else "#b04a3a" for length in solved]
        axis.barh(names, [max(length, 5) for length in solved], color=colours)
        for place, (cell, length) in enumerate(zip(names, solved, strict=True)):
            last = list(cells[cell].values())[-1]
            told = "" if length == max(lengths) else f"   then {last:.2f} of the baseline"
            axis.text(max(length, 5), place, f" {length}{told}", va="center", fontsize=7)
        axis.set_xscale("log", base=2)
        axis.set_xlim(5, 16 * max(lengths))
        axis.set_xticks(list(lengths), [str(length) for length in lengths])
        baselines = [MEMORY_PROBLEMS.build({"name": name, "length": one}).baseline for one in lengths]
        same = min(baselines) == max(baselines)
        about = f"{baselines[0]:.3f}" if same else f"{baselines[0]:.3f} to {baselines[-1]:.3f}"
        axis.set_title(f"{name}: longest length solved\nloss without memory {about}", fontsize=9)
    figure.tight_layout()
    figure.savefig(file, dpi=110)


def main() -> None:
    single = [name for name in CELLS if name != "stacked"]
    parser = benchmark_parser(__doc__)
    parser.add_argument("--problems", nargs="+", default=list(MEMORY_PROBLEMS), choices=list(MEMORY_PROBLEMS))
    parser.add_argument("--cells", nargs="+", default=single, choices=single)
    parser.add_argument("--lengths", nargs="+", type=int, default=LENGTHS)
    parser.add_argument("--updates", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=0.005)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--picture", type=Path, metavar="PNG")
    options = parser.parse_args()
    torch.set_num_threads(1)
    figures = Report("memory", options.json)
    print(f"{options.updates} updates of {BATCH}, Adam {options.rate}")
    found = {name: measure(name, options.cells, options, figures) for name in options.problems}
    if options.picture:
        draw(found, options.lengths, options.picture)
        print(f"\npicture {options.picture}", file=sys.stderr)


if __name__ == "__main__":
    main()
