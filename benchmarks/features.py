"""An epoch of features from the store against one through the encoder: `python benchmarks/features.py`.

Takes the photos of Flickr8k under CAPTIONER_DATA, or else draws noise; VGG16 to conv5_3 with random weights,
which are as fast as trained ones. Expected: the store is at least 10 times faster.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
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
        slow = through_encoder(encoder, paths, options.batch_size, options.device)
        fast = min(from_store(store, shuffled, options.batch_size) for _ in range(3))
    print(f"through the encoder  {slow / len(keys) * 1e3:8.2f} ms per picture")
    print(f"from the store       {fast / len(keys) * 1e3:8.2f} ms per picture")
    print(f"ratio                {slow / fast:8.0f} x (at least {WANTED} wanted)")


if __name__ == "__main__":
    main()
