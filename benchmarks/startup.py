"""How long a command takes to start: CPU seconds of whole processes, beside `import torch`.

  python benchmarks/startup.py [--rounds 7] [--timm]

Trains a captioner of the demo's shape for one update, then captions one picture with it as a user does,
imports the package, and makes a typo in a component. Each is run in turn with `import torch`, after a round
that is not counted; the median of each and its ratio to `import torch` are printed. With --timm, also what
timm and torchvision cost when they are imported.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from report import Report, benchmark_parser

ROOT = Path(__file__).resolve().parents[1]
TRAIN = (
    *("--task", "caption", "data.num_train=16", "data.num_val=8", "data.num_test=8"),
    *("trainer.max_epochs=1", "trainer.max_steps=1", "trainer.enable_progress_bar=false"),
)


def cpu_seconds(words: list[str], status: int = 0) -> float:
    """CPU seconds, user and system, of a process of Python that ends with this status."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run([sys.executable, *words], capture_output=True, env=environment, check=False)
    assert done.returncode == status, done.stderr.decode()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="runs of each (default: 7)")
    parser.add_argument("--timm", action="store_true", help="also what timm and torchvision cost")
    arguments = parser.parse_args()
    figures = Report("startup", arguments.json)
    with tempfile.TemporaryDirectory() as folder:
        scripts, run, scenes = ROOT / "scripts", Path(folder) / "run", Path(folder) / "scenes"
        cpu_seconds([f"{scripts}/train.py", *TRAIN, "--output", str(run), f"data.folder={scenes}"])
        picture = min((scenes / "images/test").glob("*.png"))
        commands: dict[str, tuple[list[str], int]] = {
            "import torch": (["-c", "import torch"], 0),
            "import captioner": (["-c", "import captioner"], 0),
            "caption one picture": ([f"{scripts}/caption.py", str(picture), "--model", f"{run}/model"], 0),
            "a typo in a component": (
                [f"{scripts}/train.py", "--task", "caption", "decoder.cell.hiden=3"],
                2,
            ),
        }
        if arguments.timm:
            commands["import torch, torchvision"] = (["-c", "import torch, torchvision"], 0)
            commands["import torch, timm"] = (["-c", "import torch, timm"], 0)
        found: dict[str, list[float]] = {name: [] for name in commands}
        for counted in range(arguments.rounds + 1):
            for name, (words, status) in commands.items():
                found[name] += [cpu_seconds(words, status)][: counted > 0]
    print(f"{'CPU seconds, median (least to most)':38} {'x import torch':>16}")
    for name, seconds in found.items():
        ratio = statistics.median(
            one / torch for one, torch in zip(seconds, found["import torch"], strict=True)
        )
        middle = statistics.median(seconds)
        print(f"{name:26} {middle:5.2f} ({min(seconds):.2f} to {max(seconds):.2f}) {ratio:10.2f}")
        figures.record(name, middle, "CPU s", higher_is_better=False)
        if name != "import torch":
            figures.record(f"{name}, over import torch", ratio, "x", higher_is_better=False)


if __name__ == "__main__":
    main()
