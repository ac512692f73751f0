"""A captioner on photographs: how many a minute, where the time goes, and memory.

    python benchmarks/photos.py --model DIR
    python benchmarks/photos.py --model DIR --images 10000 --folder my_photos

Captions the example photographs, or those of a folder, again and again as `captioner caption` does, with the
model's own search. Reading, encoder and search are timed inside of it; what is left is the rest of
the command. The peak of memory is printed after every tenth of the photographs.
"""

import resource
import sys
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from report import Report, benchmark_parser

from captioner.commands.options.precision import add_precision_argument
from captioner.data.image_inputs.inputs import ImageInputs
from captioner.inference.caption import Captioner
from captioner.paths import MODEL_HELP, model_folder

ROOT = Path(__file__).resolve().parents[1]
WANTED = 800  # photographs a minute on two cores


class Stopwatch:
    """Seconds spent in functions, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, timed."""

        def timed(*arguments: Any, **options: Any) -> Any:
            started = time.perf_counter()
            found = function(*arguments, **options)
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started
            return found

        return timed


def main() -> None:
    """Measure and print."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--folder", default=str(ROOT / "examples/photos"))
    parser.add_argument("--model", default="last", help=MODEL_HELP)
    add_precision_argument(parser)
    options = parser.parse_args()
    captioner = Captioner(model_folder(options.model, "caption"), precision=options.precision)
    figures = Report("photos", options.json, captioner.precision)
    images = list(islice(cycle(ImageInputs([options.folder])), options.images))
    list(captioner.stream(images[:32]))  # the first batch makes threads and buffers
    watch = Stopwatch()
    captioner._features = watch.around("encoder", captioner._features)  # type: ignore[method-assign]
    captioner.search = watch.around("search", captioner.search)  # type: ignore[assignment]
    started = time.perf_counter()
    for number, _ in enumerate(captioner.stream(images), start=1):
        if number % max(1, options.images // 10) == 0:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            peak_mb = peak / (2**20 if sys.platform == "darwin" else 2**10)
            print(f"{number:7} photographs  peak of memory {peak_mb:7.0f} MB", flush=True)
    total = time.perf_counter() - started
    rate = 60 * options.images / total
    figures.add("photographs", rate, f"a minute, {WANTED} wanted", higher_is_better=True)
    for name, seconds in (watch.seconds | {"reading and rest": total - sum(watch.seconds.values())}).items():
        figures.add(name, 1000 * seconds / options.images, "ms a photograph", higher_is_better=False)


if __name__ == "__main__":
    main()
