"""Kill small trainings at random moments, resume them, and compare what comes out bit for bit.

    python benchmarks/kill.py
    python benchmarks/kill.py --trials 100 --folder /dev/shm --seed 1

Each training is killed (SIGKILL) once or several times, at any moment from its start to its end, and resumed
until it has ended; every second one in the middle of a save, which it makes after every update. Resume file,
best model and figures must be those of a training that nobody killed; a training of which nothing was saved
yet starts again. The feature store, and a file of captions of many pictures, are made and killed in the same
way. --folder is where the runs are; one on another file system than the system's temporary folder makes sure
that nothing goes through that.

Prints the moments that were tried, and losses: trials that ended in other bits, or could not be resumed.
"""

import functools
import json
import os
import random
import shutil
import signal
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image
from pyarrow import parquet
from report import Report, benchmark_parser
from safetensors.torch import load_file

from captioner.commands import main as main_of_captioner
from captioner.config import Config, load
from captioner.encoders.feature_store.builder import open_store
from captioner.encoders.feature_store.store import FeatureStore
from captioner.encoders.vgg import VGG
from captioner.encoders.views import View
from captioner.training.resume_file import RESUME_FILE
from captioner.training.train import train

NUM_CAPTIONED = 150
CONFIGS = Path(__file__).resolve().parents[1] / "configs"
SMALL = (
    *("trainer.max_epochs=3", "trainer.enable_progress_bar=false", "trainer.accelerator=cpu"),
    *("schedule.warmup=2", "training.save_every_minutes=1e-9", "trainer.log_every_n_steps=1"),
)
SMALL_IMAGES = ("data.num_train=24", "data.num_val=6", "data.num_test=6", "encoder.width=0.04")
TASKS = {
    "caption": (
        *(*SMALL_IMAGES, "decoder.cell.hidden_dim=12", "decoder.embed_dim=10", "decoder.attention_dim=8"),
        *("training.batch_size=5", "search.max_length=6"),
    ),
    "char-lm": (
        "data.chunk_length=20",
        "data.val_fraction=0.1",
        "training.batch_size=7",
        "decoder.embed_dim=5",
    ),
    "vqa": (
        *(*SMALL_IMAGES, "text_encoder.cell.hidden_dim=7", "text_encoder.embed_dim=6", "head.hidden_dim=9"),
        "training.batch_size=5",
    ),
}
TEXT = "".join(f"{a} times {b} is {a * b}.\n" for a in range(12) for b in range(12))
SAVED = ("state_dict", "optimizer_states", "lr_schedulers", "rng_state", "running_mean", "DataModule")
"""Of a resume file, beside the paths that its callbacks note."""


def start_child(job: Callable[[], object]) -> int:
    """Run a job in a process of its own, without a word; returns the process's number."""
    child = os.fork()
    if child == 0:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        status = 1
        try:
            job()
            status = 0
        finally:
            os._exit(status)
    return child


def has_ended(child: int, wait: bool = True) -> bool | None:
    """Whether a process came to its end, and was not killed; None while it runs. Raises after an error."""
    number, status = os.waitpid(child, 0 if wait else os.WNOHANG)
    if number == 0:
        return None
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError("it ended with an error")
    return os.WIFEXITED(status)


def kill_after(child: int, seconds: float, in_save: Callable[[], bool] | None) -> bool:
    """Kill a process after some seconds, or in the first save after these; whether it ended before."""
    time.sleep(seconds)
    while in_save is not None and not in_save():
        if has_ended(child, wait=False):
            return True
    os.kill(child, signal.SIGKILL)
    return bool(has_ended(child))


def same(one: object, other: object) -> bool:
    """Whether two nested values are equal bit for bit."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(same(one[k], other[k]) for k in one)
        )
    if isinstance(one, list | tuple):
        return isinstance(other, list | tuple) and len(one) == len(other) and all(map(same, one, other))
    return one == other


class Training:
    """A small training that can be started, resumed, and compared with an undisturbed one."""

    def __init__(self, task: str, folder: Path) -> None:
        (folder / "text.txt").write_text(TEXT)
        source = f"data.path={folder / 'text.txt'}" if task == "char-lm" else f"data.folder={folder / task}"
        self.config: Config = load(CONFIGS / f"{task}.yaml", [*SMALL, *TASKS[task], source])

    def start(self, folder: Path) -> None:
        """Train, from what was saved if anything was."""
        train(self.config, folder, resume=(folder / RESUME_FILE).is_file())

    def is_saving(self, folder: Path) -> bool:
        """Whether a resume file or a model is being written, or was when it was killed."""
        return any(folder.glob("*.partial")) or any(folder.glob(".model.*"))

    def moment(self, folder: Path) -> str:
        """Say what a kill came in the middle of."""
        if self.is_saving(folder):
            return "in a save"
        return "between saves" if (folder / RESUME_FILE).is_file() else "before the first save"

    def result(self, folder: Path) -> object:
        """Return what the training left."""
        stored = torch.load(folder / RESUME_FILE, weights_only=True)
        figures = (folder / "metrics.csv").read_text()
        return [[stored[name] for name in SAVED], load_file(folder / "model/model.safetensors"), figures]


class StoreBuilding:
    """The building of a feature store, in batches of two images."""

    def __init__(self, folder: Path) -> None:
        self.images = [folder / f"{number}.png" for number in range(60)]
        for number, file in enumerate(self.images):
            Image.linear_gradient("L").rotate(6 * number).convert("RGB").save(file)
        torch.manual_seed(0)
        self.encoder = VGG(depth=11, layer="conv5_2", weights=None, width=0.1, image_size=64).eval()

    def start(self, folder: Path) -> None:
        """Compute the features that the store lacks."""
        open_store(self.encoder, [View(str(file), file) for file in self.images], folder, batch_size=2)

    def is_saving(self, folder: Path) -> bool:
        """Whether features are there whose line in the index is not: between the two a kill may come."""
        return any(file.stat().st_size for file in folder.glob("*/features.*"))

    def moment(self, folder: Path) -> str:
        """Say what a kill came in the middle of."""
        return "between saves" if self.is_saving(folder) else "before the first save"

    def result(self, folder: Path) -> object:
        """Return all features."""
        (home,) = folder.iterdir()
        return [FeatureStore(home).read([str(file)]).clone() for file in self.images]


class Captioning:
    """The captions of many pictures, in a file of JSON lines."""

    def __init__(self, folder: Path) -> None:
        self.images = folder / "images"
        self.images.mkdir()
        for number in range(NUM_CAPTIONED):
            Image.linear_gradient("L").rotate(2 * number).convert("RGB").save(self.images / f"{number}.png")
        self.training = Training("caption", folder)
        has_ended(start_child(lambda: self.training.start(folder / "run")))
        self.model = folder / "run/model"

    def start(self, folder: Path) -> None:
        """Caption the pictures that have no line."""
        options = ["--model", str(self.model), "--output", str(self.file(folder))]
        main_of_captioner("caption", [str(self.images), *options])

    def file(self, folder: Path) -> Path:
        """Return where the lines are."""
        return folder / "captions.jsonl"

    def is_saving(self, folder: Path) -> bool:
        """Whether some lines are there, and not all."""
        return self.file(folder).is_file() and 0 < self.file(folder).read_bytes().count(b"\n") < NUM_CAPTIONED

    def moment(self, folder: Path) -> str:
        """Say what a kill came in the middle of."""
        return "in a save" if self.is_saving(folder) else "before the first save"

    def result(self, folder: Path) -> object:
        """Return all sentences: rounding of their figures depends on what is in a batch."""
        lines = map(json.loads, self.file(folder).read_text().splitlines())
        return [(one["image"], [caption["words"] for caption in one["captions"]]) for one in lines]


class ShardCaptioning(Captioning):
    """The captions of a tar shard, in a Parquet file that is made of JSON lines."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        with tarfile.open(folder / "images.tar", "w") as archive:
            archive.add(self.images, "")
        self.images = folder / "images.tar"

    def start(self, folder: Path) -> None:
        """Caption the pictures that have no line."""
        output = str(self.file(folder).with_suffix(".parquet"))
        main_of_captioner("caption", [str(self.images), "--model", str(self.model), "--output", output])

    def result(self, folder: Path) -> object:
        """Return the sentences of both files."""
        rows = parquet.read_table(self.file(folder).with_suffix(".parquet")).to_pylist()
        return [super().result(folder), [[one["words"] for one in row["captions"]] for row in rows]]


Job = Training | StoreBuilding | Captioning
JOBS: dict[str, Callable[[Path], Job]] = {
    **{task: functools.partial(Training, task) for task in TASKS},
    "feature store": StoreBuilding,
    "captions": Captioning,
    "captions of a shard": ShardCaptioning,
}


def trials(
    job: Training | StoreBuilding | Captioning, folder: Path, count: int, chance: random.Random
) -> Counter[str]:
    """Kill and resume a job, again and again."""
    started = time.monotonic()
    has_ended(start_child(lambda: job.start(folder / "whole")))
    seconds = time.monotonic() - started
    expected, found = job.result(folder / "whole"), Counter[str]()
    for number in range(count):
        own = folder / f"run{number}"
        own.mkdir()
        in_save = functools.partial(job.is_saving, own) if number % 2 else None
        try:
            while not kill_after(
                start_child(functools.partial(job.start, own)), chance.uniform(0, 1.2 * seconds), in_save
            ):
                found[job.moment(own)] += 1
            found["other bits"] += not same(expected, job.result(own))
        except RuntimeError:
            found["not resumed"] += 1
        shutil.rmtree(own)
    return found


COLUMNS = ("before the first save", "between saves", "in a save", "other bits", "not resumed")


def main() -> None:
    """Try and print."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--trials", type=int, default=100, metavar="N", help="of all jobs together")
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS), help="default: all")
    parser.add_argument("--folder", type=Path, help="where the runs are (default: a temporary folder)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)  # a process that was forked has no other threads
    chance = random.Random(options.seed)
    figures = Report("kill", options.json)
    print("| job | trials | " + " | ".join(COLUMNS) + " |")
    print("| --- " * (len(COLUMNS) + 2) + "|")
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        for number, job in enumerate(options.jobs):
            folder = Path(name) / job.replace(" ", "-")
            folder.mkdir()
            total = len(options.jobs)
            count = options.trials * (number + 1) // total - options.trials * number // total
            found = trials(JOBS[job](folder), folder, count, chance)
            print(
                f"| {job} | {count} | " + " | ".join(str(found[column]) for column in COLUMNS) + " |",
                flush=True,
            )
            for bad in ("other bits", "not resumed"):
                figures.record(f"{job}, {bad}", found[bad], f"of {count} trials", higher_is_better=False)


if __name__ == "__main__":
    main()
