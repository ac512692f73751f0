"""Training with one and with two processes on this machine: pictures a second, and what an update costs more.

    OMP_NUM_THREADS=1 python benchmarks/processes.py

A Show-Attend-Tell decoder on stored features of the drawn scenes, 8 pictures a process and update, one thread
each. Runs of 10 and of 60 updates are subtracted from each other, so that starting and storing features count
for nothing. The gradient of the decoder is what two processes exchange at each update.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHORT, LONG = 10, 60
CONFIG = [
    *("data.num_train=2048", "data.num_val=8", "data.num_test=8", "encoder.fine_tune_from=null"),
    *("decoder.cell.hidden_dim=512", "decoder.embed_dim=256", "training.batch_size=8"),
    *("trainer.accelerator=cpu", "trainer.enable_progress_bar=false", "trainer.limit_val_batches=0"),
    *("training.save_every_minutes=1000", "trainer.max_epochs=-1"),
]


def seconds(processes: int, updates: int, folder: Path) -> float:
    """Run a training of so many updates; return how long it took."""
    words = ["--task", "caption", "--output", str(folder / f"{processes}-{updates}"), "--overwrite"]
    changes = [f"data.folder={folder / 'scenes'}", f"trainer.devices={processes}"]
    limits = [f"trainer.max_steps={updates}", f"trainer.limit_train_batches={updates}"]
    command = [sys.executable, str(ROOT / "scripts/train.py"), *words, *CONFIG, *changes, *limits]
    cache = os.environ | {"XDG_CACHE_HOME": str(folder / "cache")}
    started = time.perf_counter()
    ran = subprocess.run(command, env=cache, capture_output=True, text=True, check=False)
    if ran.returncode:
        sys.exit(ran.stderr)
    found = re.search(r"([\d,]+) of [\d,]+ parameters", ran.stderr)
    if processes == 1 and updates == SHORT and found:
        print(f"parameters that are trained: {found[1]}")
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds(1, SHORT, folder)  # draws the pictures and stores their features
        for processes in (1, 2):
            taken = [seconds(processes, updates, folder) for updates in (SHORT, LONG)]
            update = (taken[1] - taken[0]) / (LONG - SHORT)
            rate = 8 * processes / update
            print(f"{processes} process(es): {1000 * update:.0f} ms an update, {rate:.1f} pictures/s")


if __name__ == "__main__":
    main()
