"""Training with one and with two processes on this machine: time of an update, and pictures a second.

    OMP_NUM_THREADS=1 python benchmarks/processes.py

A Show-Attend-Tell decoder on stored features of the drawn scenes, 8 pictures a process and update, one thread
each; medians of 30 updates. The gradient of the decoder is what two processes exchange at each update.
"""

import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from report import Report, benchmark_parser

ROOT = Path(__file__).resolve().parents[1]
CONFIG = [
    *("data.num_train=256", "data.num_val=8", "data.num_test=8", "encoder.fine_tune_from=null"),
    *("decoder.cell.hidden_dim=512", "decoder.embed_dim=256", "training.batch_size=8"),
    *("trainer.accelerator=cpu", "trainer.enable_progress_bar=false", "trainer.limit_val_batches=0"),
    *("training.save_every_minutes=1000", "trainer.max_epochs=-1", "trainer.max_steps=30"),
]


def measure(processes: int, folder: Path) -> None:
    """Train, and print the median time between the starts of two updates last; run in every process."""
    from captioner.config import load
    from captioner.processes import is_first_process
    from captioner.training.caption import CaptionTask
    from captioner.training.train import train

    starts: list[float] = []
    real = CaptionTask.training_step

    def step(self: CaptionTask, batch: Any, number: int) -> Any:
        starts.append(time.perf_counter())
        return real(self, batch, number)

    CaptionTask.training_step = step  # type: ignore[assignment, method-assign]
    changes = [f"data.folder={folder / 'scenes'}", f"trainer.devices={processes}"]
    train(load(ROOT / "configs/caption.yaml", [*CONFIG, *changes]), folder / str(processes))
    if is_first_process():
        print(json.dumps(statistics.median(b - a for a, b in itertools.pairwise(starts))), flush=True)


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument(
        "--measure", nargs=2, metavar=("PROCESSES", "FOLDER"), help="used by the script itself"
    )
    options = parser.parse_args()
    if options.measure:
        measure(int(options.measure[0]), Path(options.measure[1]))
        return
    figures = Report("processes", options.json)
    rates = []
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"XDG_CACHE_HOME": f"{folder}/cache"}
        for processes in (1, 2):
            command = [sys.executable, __file__, "--measure", str(processes), folder]
            done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
            update = json.loads(done.stdout.splitlines()[-1])
            rates.append(8 * processes / update)
            figures.add(f"{processes} processes, an update", 1000 * update, "ms", higher_is_better=False)
            figures.add(f"{processes} processes", rates[-1], "pictures/s", higher_is_better=True)
    figures.add("two processes over one", rates[1] / rates[0], "x the pictures/s", higher_is_better=True)


if __name__ == "__main__":
    main()
