"""Every recurrent cell against torch.nn.LSTM and against its matrix products alone.

    python benchmarks/cell_speed.py
    python benchmarks/cell_speed.py --keep-memory
    python benchmarks/cell_speed.py --size long

Forward and backward of a whole sequence, with an input that requires a gradient, all sides in turns in one
process. Cells differ in their number of products, so times are given for a multiply-add: 3 H^2 of them for
each row, time and matrix (forward, gradient of the input, gradient of the weight). The limit is a bare loop
that computes these products and nothing else. Before each timed run a side runs once untimed, so that memory
is in the state in which the side itself leaves it. Ratios are medians of the ratios of single rounds. On one
thread of a CPU the time is the processor's, so that other work on the machine counts little.

Each size runs in a process of its own, where large blocks of memory go back to the system when they are free
and are filled with zeros when they are allocated again: at the small size a fifth of nn.LSTM's time.
`--keep-memory` has them kept, as training does, for all sides.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from report import Report, benchmark_parser
from torch import Tensor, nn

from captioner.cells.base import CELLS, Cell
from captioner.cells.recurrence.base import Recurrence
from captioner.device import keep_memory


class Size(NamedTuple):
    """Sizes of a run: times, rows, hidden and input size."""

    T: int
    N: int
    H: int


SIZES = {"large": Size(100, 50, 512), "small": Size(50, 100, 128), "long": Size(1000, 16, 512)}
"""The long one is for the cells that are computed over time by a scan, beside `lstm`."""


class Side(NamedTuple):
    """A timed function, and the number of H x H matrices that it multiplies by."""

    run: Callable[[], None]
    matrices: int


def timed(run: Callable[[], None]) -> float:
    alone = torch.get_num_threads() == 1 and not torch.cuda.is_available()
    clock = time.process_time if alone else time.perf_counter
    start = clock()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return clock() - start


def torch_side(size: Size, x_NTE: Tensor) -> Side:
    lstm = nn.LSTM(size.H, size.H, batch_first=True).to(x_NTE.device)
    return Side(lambda: lstm(x_NTE)[0].sum().backward(), 8)


def cell_side(cell: Cell, x_NTE: Tensor) -> Side:
    cell = cell.to(x_NTE.device)
    matrices = sum(p.numel() for p in cell.parameters() if p.dim() == 2 and p.shape[0] >= cell.hidden_dim)
    state = cell.zero_state(x_NTE[:, 0].detach())
    return Side(lambda: cell(x_NTE, state).outputs_NTH.sum().backward(), matrices // cell.hidden_dim**2)


def limit_side(cell: Recurrence, x_NTE: Tensor) -> Side:
    """Compute the products of a cell alone: the input's, and weight gradients, for all times at once."""
    cell = cell.to(x_NTE.device)
    N, T, H = x_NTE.shape
    weight_GE = cell.input.weight.detach()
    recurrent = [matrix_KH.detach() for matrix_KH in cell.recurrent_weights().values()]
    x_ME, h_NH = x_NTE.detach().flatten(0, 1), torch.randn(N, H, device=x_NTE.device)
    grad_MG = torch.randn(N * T, len(weight_GE), device=x_NTE.device)
    grads = [torch.randn(N * T, len(matrix_KH), device=x_NTE.device) for matrix_KH in recurrent]

    def run() -> None:
        x_ME @ weight_GE.T
        for _ in range(T):
            for matrix_KH in recurrent:
                h_NH @ matrix_KH.T
        for _ in range(T):
            for matrix_KH, grad_MK in zip(recurrent, grads, strict=True):
                grad_MK[:N] @ matrix_KH
        grad_MG @ weight_GE
        grad_MG.T @ x_ME
        for grad_MK in grads:
            grad_MK.T @ x_ME

    return Side(run, (len(weight_GE) + sum(map(len, recurrent))) // H)


def measure(title: str, names: list[str], rounds: int, figures: Report) -> None:
    size, device = SIZES[title], torch.device("cuda" if torch.cuda.is_available() else "cpu")
    T, N, H = size
    x_NTE = torch.randn(N, T, H, device=device, requires_grad=True)
    sides = {"torch.nn.LSTM": torch_side(size, x_NTE)}
    limits: dict[str, Side] = {}
    for name in names:
        cell = CELLS.build({"name": name, "hidden_dim": H}, input_dim=H)
        sides[name] = cell_side(cell, x_NTE)
        if isinstance(cell, Recurrence):
            limits[name] = limit_side(cell, x_NTE)
    both = sides | {f"{name} limit": limit for name, limit in limits.items()}
    seconds: dict[str, list[float]] = {name: [] for name in both}
    for _ in range(rounds):
        for name, side in both.items():
            side.run()
            seconds[name].append(timed(side.run))
    each = {name: [s / both[name].matrices for s in times] for name, times in seconds.items()}
    print(f"\nT {T}, B {N}, H {H}, {device}, {torch.get_num_threads()} threads, {rounds} rounds")
    print(f"{'':15}{'matrices':>9}{'ms':>8}{'ps a product':>13}{'of nn.LSTM':>12}{'of limit':>10}")
    for name, side in sides.items():
        best = min(each[name])
        products = 3 * N * T * H * H
        share = ratio(each[name], each["torch.nn.LSTM"])
        line = f"{name:15}{side.matrices:9}{best * side.matrices * 1e3:8.1f}{best / products * 1e12:13.2f}"
        line += f"{share:12.2f}"
        line += f"{ratio(each[name], each[f'{name} limit']):10.2f}" if name in limits else ""
        print(line, flush=True)
        if name != "torch.nn.LSTM":
            figures.record(f"{title}, {name}", share, "x torch.nn.LSTM", higher_is_better=False)


def is_scanned(name: str) -> bool:
    """Whether a cell has no recurrent matrix; `lstm` is beside these for comparison."""
    return name == "lstm" or not getattr(CELLS[name], "recurrent_matrices", True)


def ratio(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--cells", nargs="+", choices=sorted(CELLS), help="default: all that a size is for")
    parser.add_argument("--size", choices=SIZES, help="one of the sizes; default: all, each in a process")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--keep-memory", action="store_true")
    options = parser.parse_args()
    if options.size is None:
        for size in SIZES:
            subprocess.run([sys.executable, __file__, *sys.argv[1:], "--size", size], check=True)
        return
    if options.keep_memory:
        keep_memory()
    torch.set_num_threads(options.threads)
    names = options.cells or [name for name in sorted(CELLS) if options.size != "long" or is_scanned(name)]
    kept = ", memory kept" if options.keep_memory else ""
    measure(options.size, names, options.rounds, Report(f"cell_speed{kept}", options.json))


if __name__ == "__main__":
    main()
