"""Training data in shards: what opening and reading them takes, in time and in memory, by their number.

python benchmarks/shards.py            10,000 and 100,000 samples of 64 x 64 pixels
python benchmarks/shards.py 1000000
"""

import argparse
import io
import json
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from report import Report, benchmark_parser

PER_SHARD = 5000
BATCH_SIZE = 64
NUM_READ = 6400  # samples whose reading is timed


def write(folder: Path, count: int) -> None:
    """Write shards of the form of cc3m-wds, of pictures that all differ."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    for first in range(0, count, PER_SHARD):
        number = first // PER_SHARD
        split = "validation" if first + PER_SHARD >= count else "train"
        with tarfile.open(folder / f"cc3m-{split}-{number:04d}.tar", "w") as archive:
            for key in range(first, min(first + PER_SHARD, count)):
                jpeg = io.BytesIO()
                pixels = random.integers(0, 256, (8, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
                Image.fromarray(pixels).save(jpeg, "JPEG")
                caption = f"a man number {key} rides a wave on top of a surfboard in the year {key % 2000}"
                about = json.dumps({"caption": caption, "key": f"{key:09d}"}).encode()
                for ending, content in (("jpg", jpeg.getvalue()), ("json", about), ("txt", caption.encode())):
                    member = tarfile.TarInfo(f"{key:09d}.{ending}")
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))


def memory() -> dict[str, float]:
    """Return the megabytes of this process: its own, and those of files that are mapped."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = {
        key: rest.split()[0] for key, _, rest in (line.partition(":") for line in lines) if rest.split()
    }
    return {"own": int(kilobytes["RssAnon"]) / 1e3, "mapped": int(kilobytes["RssFile"]) / 1e3}


def measure(folder: str) -> None:
    """Open shards, and read batches of them, in this process; print the figures as JSON."""
    from captioner.config import TrainingConfig
    from captioner.data.captions.batches import CaptionItems
    from captioner.data.captions.shards import CaptionedShards
    from captioner.data.images import FromDisk
    from captioner.data.loader import ResumableLoader
    from captioner.data.splits import each_row, fingerprint_of
    from captioner.preprocessing import Preprocessing
    from captioner.vocabulary import Vocabulary

    figures: dict[str, object] = {"before": memory()}

    def timed(name: str, started: float) -> None:
        figures[name] = {"CPU seconds": round(time.process_time() - started, 2)} | memory()

    started = time.process_time()
    source = CaptionedShards(folder)
    tables = source.tables()
    timed("open", started)
    started = time.process_time()
    fingerprint_of(tables)
    timed("fingerprint", started)
    started = time.process_time()
    words = (caption.split() for row in each_row(tables["train"]) for caption in row["captions"])
    vocabulary = Vocabulary.from_texts(words, min_count=5)
    timed("words, split at spaces", started)
    pictures = FromDisk(source, "train", Preprocessing(size=64), augment=False)
    items = CaptionItems(tables["train"], pictures, vocabulary, 1, TrainingConfig().max_words, seed=0)
    for window in (None, source.window):
        loader = ResumableLoader(items, BATCH_SIZE, shuffle=True, window=window)
        started = time.process_time()
        batches: Iterable[object] = iter(loader)
        for _ in zip(range(NUM_READ // BATCH_SIZE), batches, strict=False):
            pass
        timed(f"{NUM_READ} samples, window {window}", started)
    figures["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(json.dumps(figures))


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=[10_000, 100_000])
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure)
        return
    figures = Report("shards", arguments.json)
    for count in arguments.counts:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), count)
            for first in (True, False):
                command = [sys.executable, __file__, "--measure", folder]
                found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
                use = f"{count:,} samples, {'first' if first else 'next'} use"
                print(use)
                for name, value in found.items():
                    print(f"  {name:32} {value}")
                    if name not in ("before", "peak"):
                        figures.record(
                            f"{use}: {name}", value["CPU seconds"], "CPU s", higher_is_better=False
                        )
                figures.record(f"{use}: peak of memory", found["peak"], "MB", higher_is_better=False)


if __name__ == "__main__":
    main()
