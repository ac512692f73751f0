"""A feature store as large as COCO's: its plan, a build that is killed and goes on, the rate of reading.

    python benchmarks/feature_store.py --dtype int8
    python benchmarks/feature_store.py --images 4000 --processes 2
    python benchmarks/feature_store.py --model photos --split dev

Features are noise of 196 x 512 for pictures of 8 x 8 pixels: what is measured is the store. The first process
is killed after a third of the build, then --processes go on together. Reading is in batches of 64 in random
order, by one process with one thread: once from the disk (the system is asked to forget the files) and once
from memory.

With --model the captions of a model are scored whose features went through each format, without training on
them: what 8 bits cost in CIDEr-D and BLEU-4.
"""

import io
import os
import pickle
import signal
import tempfile
import time
from pathlib import Path

import torch
from PIL import Image
from report import Report, benchmark_parser
from torch import Tensor

from captioner.config import Component
from captioner.data.captions.base import CAPTION_SOURCES
from captioner.encoders.base import Encoder, ParameterGroup
from captioner.encoders.feature_store.builder import open_store
from captioner.encoders.feature_store.formats import FORMATS, format_of
from captioner.encoders.feature_store.store import FeatureStore
from captioner.encoders.views import View
from captioner.evaluation.caption_split import split_of
from captioner.inference.base import load
from captioner.metrics.scores import score_captions
from captioner.preprocessing import Preprocessing

GRID, FEATURE_DIM, BATCH = (14, 14), 512, 64


class Noise(Encoder):
    """Features that look nothing like those of pictures, and cost nothing to compute."""

    def __init__(self) -> None:
        super().__init__()
        self.grid, self.feature_dim = GRID, FEATURE_DIM
        self.preprocessing = Preprocessing(size=8)
        drawn = torch.randn(BATCH, 196, FEATURE_DIM, generator=torch.Generator().manual_seed(1))
        self.register_buffer("noise_BLF", drawn.relu())

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return the same noise for every batch."""
        return self.get_buffer("noise_BLF")[: len(images_BCHW)]

    def trained_groups(self) -> list[ParameterGroup]:
        """Return nothing."""
        return []


def views(count: int) -> list[View]:
    """Return as many pictures, all alike, each under a key of its own."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    return [View(f"{number:06}.jpg", file.getvalue()) for number in range(count)]


def start_build(pictures: list[View], folder: Path, dtype: str) -> int:
    """Build in a process of its own, one thread; returns the process's number."""
    child = os.fork()
    if child == 0:
        try:
            open_store(Noise(), pictures, folder, dtype=dtype, batch_size=BATCH)
            os._exit(0)
        finally:
            os._exit(1)
    return child


def stored_rows(folder: Path, dtype: str) -> int:
    """Return how many pictures the files hold, whole or not."""
    size = sum(file.stat().st_size for file in folder.glob("*/features*"))
    return size // format_of({"dtype": dtype, "grid": GRID, "feature_dim": FEATURE_DIM}).row_bytes


def build(pictures: list[View], folder: Path, dtype: str, processes: int, figures: Report) -> FeatureStore:
    """Build a store, kill the build after a third, and let several processes go on."""
    first, started = start_build(pictures, folder, dtype), time.perf_counter()
    while stored_rows(folder, dtype) < len(pictures) / 3:
        time.sleep(0.01)
    os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)
    one = len(pictures) / 3 / (time.perf_counter() - started)
    (home,) = folder.iterdir()
    left, started = len(pictures) - len(FeatureStore(home)), time.perf_counter()
    children = [start_build(pictures, folder, dtype) for _ in range(processes)]
    if any(os.waitpid(child, 0)[1] for child in children):
        raise SystemExit("a build failed")
    several = left / (time.perf_counter() - started)
    store = FeatureStore(home)
    rows = sum(shard.rows for shard in store.shards.values())
    print(f"{dtype}: {len(store):,} pictures in {len(store.shards)} files, {rows - len(store)} of them twice")
    figures.add(f"{dtype}, written by one process", one, "pictures/s", higher_is_better=True)
    figures.add(f"{dtype}, written by {processes}", several, "pictures/s", higher_is_better=True)
    return store


def reading_rate(store: FeatureStore, pictures: list[View], seconds: float, from_disk: bool) -> float:
    """Read batches in random order; returns pictures a second."""
    store = pickle.loads(pickle.dumps(store))  # a file that is mapped is not forgotten
    if from_disk:
        for shard in store.shards.values():
            with open(shard.data_path, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(int(from_disk))).tolist()
    # From memory: the same few thousand again, which have been read.
    order = order if from_disk else order[: 32 * BATCH] * 100
    number, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds and number + BATCH <= len(order):
        store.read([pictures[place].key for place in order[number : number + BATCH]])
        number += BATCH
    return number / (time.perf_counter() - started)


@torch.inference_mode()
def scores_by_format(model: str, source: Component, split: str, limit: int | None, figures: Report) -> None:
    """Print the scores of a model whose features went through each format."""
    captioner = load(model)
    encoder = captioner.model.encoder
    frozen = encoder.frozen_part()
    found = split_of(CAPTION_SOURCES.build(source), split, limit)
    ids, parts = [], []
    for batch in captioner.read(found.images, BATCH):
        ids += [found.image_ids[one.key] for one in batch]
        parts.append(frozen.encode(torch.stack([one.value.pixels[0] for one in batch])))
    about = {"grid": frozen.grid, "feature_dim": frozen.feature_dim}
    print(f"\n| {model}, {len(ids):,} pictures | CIDEr-D | BLEU-4 | captions that change | kB a picture |")
    print("| --- | --- | --- | --- | --- |")
    plain: list[str] = []
    for name in ("float32", *FORMATS):
        kept = None if name == "float32" else format_of(about | {"dtype": name})
        captions = []
        for part in parts:
            read = part if kept is None else kept.decode(torch.from_numpy(kept.encode(part)))
            written = captioner.search(captioner.decoder, encoder.forward_from(read))
            captions += [" ".join(captioner.model.vocabulary.decode(one[0].tokens)) for one in written]
        plain = plain or captions
        changed = sum(one != other for one, other in zip(captions, plain, strict=True)) / len(plain)
        scores = score_captions(dict(zip(ids, captions, strict=True)), found.references).figures
        size = 4 * parts[0][0].numel() if kept is None else kept.row_bytes
        row = f"{scores['cider_d']:.4f} | {scores['bleu4']:.4f} | {changed:.3f} | {size / 1e3:.0f}"
        print(f"| {name} | {row} |", flush=True)
        figures.record(f"{name}, CIDEr-D", scores["cider_d"], "", higher_is_better=True)
        figures.record(f"{name}, captions that change", changed, "of 1", higher_is_better=False)


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--images", type=int, default=123_000)
    parser.add_argument("--dtype", choices=FORMATS, nargs="+", default=["float16"])
    parser.add_argument("--processes", type=int, default=2, help="that go on with a killed build")
    parser.add_argument("--seconds", type=float, default=5.0, help="of reading")
    parser.add_argument("--folder", type=Path, help="where the store is made; a temporary folder")
    parser.add_argument("--model", help="a model whose captions are scored instead")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--limit", type=int)
    options = parser.parse_args()
    if not options.model:
        torch.set_num_threads(1)
    figures = Report("feature_store", options.json)
    if options.model:
        flickr8k = Path(os.environ.get("CAPTIONER_DATA", "")) / "flickr8k"
        source = {"name": "flickr8k", "folder": str(flickr8k), "held_out": 500}
        scores_by_format(options.model, source, options.split, options.limit, figures)
        return
    for dtype in options.dtype:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            pictures = views(options.images)
            store = build(pictures, Path(folder), dtype, options.processes, figures)
            for where, from_disk in (("the disk", True), ("memory", False)):
                rate = reading_rate(store, pictures, options.seconds, from_disk)
                figures.add(f"{dtype}, read from {where}", rate, "pictures/s", higher_is_better=True)
                gigabytes = rate * store.format.row_bytes / 1e9
                figures.add(f"{dtype}, bytes from {where}", gigabytes, "GB/s", higher_is_better=True)


if __name__ == "__main__":
    main()
