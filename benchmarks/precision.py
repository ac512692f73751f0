"""Encoders and captions in fp32 and in bf16: speed, and what changes.

    python benchmarks/precision.py
    python benchmarks/precision.py --photos 1000

Pictures a second of VGG16 (to conv5_3, random weights, which are as fast as trained ones) and of the
encoder of the model `photos`: as it is, prepared for inference in fp32, and in bf16. All run in turns in one
process; medians are printed.

--photos also captions as many dev photos of Flickr8k (under CAPTIONER_DATA) as `captioner caption` does,
first in fp32, then in bf16: photos a second, scores, captions that change, and the greatest difference of an
attention weight, of equal captions.
"""

import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from report import Report, benchmark_parser
from torch import Tensor

from captioner.data.captions.base import CAPTION_SOURCES
from captioner.encoders.base import Encoder
from captioner.encoders.inference import for_inference
from captioner.encoders.vgg import VGG
from captioner.evaluation.caption_split import split_of
from captioner.images import ImageSource
from captioner.inference.caption import Captioner
from captioner.inference.caption_results import Captioned
from captioner.metrics.scores import score_captions
from captioner.models.folder import load_model
from captioner.paths import model_folder
from captioner.precision import Precision

IMAGES = 8
SCORES = {"CIDEr-D": "cider_d", "BLEU-4": "bleu4"}


class Written(NamedTuple):
    """Captions of photos, and the seconds that they took."""

    captioned: list[Captioned]
    seconds: float


@torch.inference_mode()
def compare_encoders(name: str, encoder: Encoder, rounds: int, figures: Report) -> None:
    size = encoder.preprocessing.size
    images_BCHW = torch.randn(IMAGES, 3, size, size)
    sides: dict[str, Callable[[], Tensor]] = {
        "as trained": lambda: torch.cat([encoder(part) for part in torch.split(images_BCHW, 2)]),
        "fp32": partial(for_inference(encoder).encode, images_BCHW),
        "bf16": partial(for_inference(encoder, "bf16").encode, images_BCHW),
    }
    times: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(rounds + 1):
        for side, encode in sides.items():
            started = time.perf_counter()
            encode()
            times[side].append(time.perf_counter() - started)
    speeds = {side: IMAGES / statistics.median(seconds[1:]) for side, seconds in times.items()}
    for side, speed in speeds.items():
        figures.add(f"{name}, {side}", speed, "pictures/s", higher_is_better=True)
    figures.add(f"{name}, bf16 over fp32", speeds["bf16"] / speeds["fp32"], "x", higher_is_better=True)
    expected_BLF = sides["fp32"]()
    error = float((sides["bf16"]() - expected_BLF).norm() / expected_BLF.norm())
    figures.add(f"{name}, features in bf16 differ by", error, "of 1", higher_is_better=False)


def write(model: Path, precision: Precision, photos: list[tuple[str, ImageSource]]) -> Written:
    captioner = Captioner(model, precision=precision)
    list(captioner.stream(photos[:32]))  # the first batch makes threads and buffers
    started = time.perf_counter()
    return Written(list(captioner.stream(photos)), time.perf_counter() - started)


def compare_captions(model: Path, folder: Path, count: int, figures: Report) -> None:
    wanted = split_of(CAPTION_SOURCES.build({"name": "flickr8k", "folder": str(folder)}), "val", count)
    precisions: tuple[Precision, ...] = ("fp32", "bf16")
    sides = {precision: write(model, precision, wanted.images) for precision in precisions}
    for precision, (captioned, seconds) in sides.items():
        figures.add(f"captions, {precision}", len(captioned) / seconds, "photos/s", higher_is_better=True)
        texts = {wanted.image_ids[one.name]: one.captions[0].text for one in captioned}
        scores = score_captions(texts, wanted.references, tokenizer="auto").figures
        for score in SCORES:
            figures.add(f"captions, {precision}, {score}", scores[SCORES[score]], "", higher_is_better=True)
    pairs = list(zip(*(side.captioned for side in sides.values()), strict=True))
    same = [pair for pair in pairs if pair[0].words == pair[1].words]
    changed = 1 - len(same) / len(pairs)
    figures.add("captions that change", changed, "of 1", higher_is_better=False)
    differences = [
        float(np.abs(exact.attention - short.attention).max())
        for exact, short in same
        if exact.attention is not None and short.attention is not None
    ]
    largest = max(differences, default=0.0)
    figures.add("attention weights differ by", largest, "at most", higher_is_better=False)


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photos", type=int, default=0, metavar="N")
    options = parser.parse_args()
    figures = Report("precision", options.json, precision="float32 and bfloat16")
    model = model_folder("photos", "caption")
    compare_encoders("VGG16", VGG(layer="conv5_3", weights=None).eval(), options.rounds, figures)
    encoder = load_model(model).eval().encoder
    assert isinstance(encoder, Encoder)
    compare_encoders("EfficientNet-Lite2", encoder, options.rounds, figures)
    folder = Path(os.environ.get("CAPTIONER_DATA", "")) / "flickr8k"
    if options.photos and not folder.is_dir():
        print("captions skipped: there is no flickr8k in the folder that CAPTIONER_DATA names")
    elif options.photos:
        compare_captions(model, folder, options.photos, figures)


if __name__ == "__main__":
    main()
