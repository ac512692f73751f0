"""Many photographs into one file: the encoder alone, the plain loop, and workers on a Ray cluster.

    python benchmarks/bulk.py
    python benchmarks/bulk.py --images 4000 --workers 1 2

Crops of the example photographs, as JPEG files, are captioned by the model that comes with the package, as
`caption --output` does. The encoder alone computes the features of pixels that are in memory: no way of
reading and no search could be faster. One worker of Ray has one core and one thread, as the plain loop of one
thread; what it is slower by is the overhead of Ray. Rates are those after the first batch; the time until
then is printed beside.
"""

import random
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from report import Report, benchmark_parser

from captioner.data.image_inputs.inputs import ImageInputs
from captioner.inference.bulk.caption_file import CaptionStream, NamedImages, write_captions
from captioner.inference.bulk.ray_workers import RayWorkers
from captioner.inference.caption import BATCH_SIZE, Captioner
from captioner.inference.caption_results import Captioned
from captioner.paths import model_folder

PHOTOS = Path(__file__).resolve().parents[1] / "examples/photos"
SIDE = 320  # pixels of a crop's shorter side; about 30 kB


def write_crops(folder: Path, count: int) -> None:
    """Write crops of the example photographs, all different."""
    chance = random.Random(0)
    photos = [Image.open(file).convert("RGB") for file in sorted(PHOTOS.glob("*.jpg"))]
    for number, photo in enumerate(islice(cycle(photos), count)):
        share = chance.uniform(0.5, 1)
        width, height = round(share * photo.width), round(share * photo.height)
        left, top = chance.randint(0, photo.width - width), chance.randint(0, photo.height - height)
        crop = photo.crop((left, top, left + width, top + height))
        crop.thumbnail((SIDE * 4 // 3, SIDE * 4 // 3))
        crop.save(folder / f"{number:06}.jpg", quality=85)


class Clock:
    """A stream of captions that notes when the first batch and the last picture were there."""

    def __init__(self, stream: CaptionStream) -> None:
        self.stream = stream
        self.started = time.perf_counter()
        self.times: list[float] = []

    def __call__(self, images: NamedImages) -> Iterator[Captioned]:
        """Caption images."""
        for captioned in self.stream(images):
            self.times.append(time.perf_counter())
            yield captioned

    def rate(self) -> float:
        """Return pictures a second after the first batch."""
        return (len(self.times) - BATCH_SIZE) / (self.times[-1] - self.times[BATCH_SIZE - 1])

    def row(self, name: str) -> float:
        """Print a row of the table; returns the rate."""
        rate, first = self.rate(), self.times[BATCH_SIZE - 1] - self.started
        print(f"| {name} | {rate:.1f} | {1e6 / rate / 3600:.2f} | {first:.1f} |", flush=True)
        return rate


def measure(name: str, images: ImageInputs, stream: CaptionStream, folder: Path) -> float:
    """Caption the images into a file, and print a row."""
    clock = Clock(stream)
    write_captions(folder / f"{name.replace(' ', '-')}.jsonl", images, images.count(), {}, clock)
    return clock.row(name)


def encoder_alone(captioner: Captioner, images: ImageInputs) -> float:
    """Return pictures a second of the encoder, of pixels that are in memory."""
    (batch,) = islice(captioner.read(islice(images, BATCH_SIZE), BATCH_SIZE), 1)
    read = [one.value for one in batch if one.value is not None]
    times = []
    with torch.inference_mode():
        for _ in range(12):
            started = time.perf_counter()
            captioner._features(read)[0].sum().item()
            times.append(time.perf_counter() - started)
    return BATCH_SIZE / sorted(times[2:])[5]


def main() -> None:
    """Measure and print."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--images", type=int, default=1000, metavar="N")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2], metavar="N", help="of Ray")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "photos").mkdir()
        write_crops(folder / "photos", options.images)
        images = ImageInputs([str(folder / "photos")])
        model = model_folder("photos", "caption")
        figures = Report("bulk", options.json)
        captioner = Captioner(model)
        print("| | pictures/s | hours a million | seconds to the first batch |\n| --- | --- | --- | --- |")
        plain = {}
        for threads in sorted({1, torch.get_num_threads()}):
            torch.set_num_threads(threads)
            rate = encoder_alone(captioner, images)
            print(
                f"| encoder alone, {threads} threads | {rate:.1f} | {1e6 / rate / 3600:.2f} | |", flush=True
            )
            figures.record(f"encoder alone, {threads} threads", rate, "pictures/s", higher_is_better=True)
            text = f"plain loop, {threads} threads"
            plain[threads] = measure(text, images, captioner.stream, folder)
            figures.record(text, plain[threads], "pictures/s", higher_is_better=True)
        for count in options.workers:
            from ray.cluster_utils import Cluster

            head = {"num_cpus": count, "object_store_memory": 100_000_000, "include_dashboard": False}
            cluster: Any = Cluster(initialize_head=True, head_node_args=head)
            stream = RayWorkers([model], {}, 1, "fp32", cluster.address).stream
            rate = measure(f"Ray, {count} workers", images, stream, folder)
            figures.record(f"Ray, {count} workers", rate, "pictures/s", higher_is_better=True)
            cluster.shutdown()
            if count == 1:
                overhead = 100 * (1 - rate / plain[1])
                figures.add("overhead of Ray", overhead, "% of the plain loop's rate", higher_is_better=False)


if __name__ == "__main__":
    main()
