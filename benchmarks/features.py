"""An epoch of features from the store against one through the encoder: `python benchmarks/features.py`.

Takes the photos of Flickr8k under CAPTIONER_DATA, or else draws noise; VGG16 to conv5_3 with random weights,
which are as fast as trained ones. Both run in turns; medians are printed. Expected: the store is at least
10 times faster.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from report import Report, benchmark_parser

from captioner.encoders.base import Encoder
from captioner.encoders.feature_store.builder import open_store
from captioner.encoders.feature_store.store import FeatureStore
from captioner.encoders.vgg import VGG
from captioner.encoders.views import View
from captioner.images import load_image

WANTED = 10


def photographs(count: int, folder: Path) -> list[Path]:
    found = sorted((Path(os.environ.get("CAPTIONER_DATA", "")) / "flickr8k/images").glob("*.jpg"))[:count]
    if found:
        return found
    random = np.random.default_rng(0)
    paths = [folder / f"{number}.jpg" for number in range(count)]
    for path in paths:
        Image.fromarray(random.integers(0, 256, (375, 500, 3), dtype=np.uint8)).save(path)
    return paths


@torch.inference_mode()
def through_encoder(encoder: Encoder, paths: list[Path], batch_size: int, device: str) -> float:
    begin = time.perf_counter()
    for start in range(0, len(paths), batch_size):
        pixels = [encoder.preprocessing(load_image(path)) for path in paths[start : start + batch_size]]
        encoder(torch.stack(pixels).to(device)).cpu()
    return time.perf_counter() - begin


def from_store(store: FeatureStore, keys: list[str], batch_size: int) -> float:
    begin = time.perf_counter()
    for start in range(0, len(keys), batch_size):
        store.read(keys[start : start + batch_size])
    return time.perf_counter() - begin


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    figures = Report("features", options.json)
    encoder = VGG(layer="conv5_3", weights=None).to(options.device).eval()
    with tempfile.TemporaryDirectory() as folder:
        paths = photographs(options.images, Path(folder))
        keys = [path.name for path in paths]
        store = open_store(
            encoder,
            [View(key, path) for key, path in zip(keys, paths, strict=True)],
            Path(folder),
            batch_size=options.batch_size,
            device=options.device,
        )
        shuffled = [keys[place] for place in torch.randperm(len(keys))]
        rounds = [
            (
                through_encoder(encoder, paths, options.batch_size, options.device),
                from_store(store, shuffled, options.batch_size),
            )
            for _ in range(options.rounds)
        ]
    slow, fast = (1e3 * statistics.median(times) / len(keys) for times in zip(*rounds, strict=True))
    figures.add("VGG16 through the encoder", slow, "ms a picture", higher_is_better=False)
    figures.add("VGG16 from the store", fast, "ms a picture", higher_is_better=False)
    figures.add("encoder over store", slow / fast, f"x, {WANTED} wanted", higher_is_better=True)


if __name__ == "__main__":
    main()
