"""How often a search misses the most probable caption, and what that caption is.

    python benchmarks/search_errors.py --model runs/caption/20250101-120000/model
    python benchmarks/search_errors.py --split val --limit 200 --max-steps 20000

Exact search says for every picture whether it proved its answer. Over the pictures where it did, the table
has for each search the share of answers that are less probable (search errors, Stahlberg and Byrne, 2019),
how many nats they lack on average, their words, and how many captions have fewer than two. The constraints
are the model's own, and the same for all.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from report import Report, benchmark_parser

from captioner.data.captions.base import CAPTION_SOURCES
from captioner.errors import UserError
from captioner.evaluation.caption_split import split_of
from captioner.images import ImageSource
from captioner.inference.caption import Captioner
from captioner.inference.caption_results import Caption
from captioner.paths import last_model

SEARCHED: dict[str, dict[str, Any]] = {
    "greedy": {"name": "greedy"},
    **{
        f"beam {size}": {"name": "beam", "beam_size": size, "length_rule": "none"}
        for size in (2, 3, 5, 10, 20)
    },
}
TOLERANCE = 1e-3  # nats; two ways to add up the same sentence differ by less


class Row(NamedTuple):
    """A search against the exact answers."""

    name: str
    errors: float
    missing_nats: float
    words: float
    short: int

    def __str__(self) -> str:
        """A line of the table."""
        return (
            f"| {self.name} | {self.errors:.0%} | {self.missing_nats:.2f} | {self.words:.1f} | {self.short} |"
        )


def row(name: str, answers: Sequence[Caption], exact: Sequence[Caption]) -> Row:
    """Compare answers for the same pictures."""
    missing = [best.log_prob - own.log_prob for own, best in zip(answers, exact, strict=True)]
    words = [len(caption.words) for caption in answers]
    n = len(answers)
    errors = sum(nats > TOLERANCE for nats in missing)
    return Row(name, errors / n, sum(missing) / n, sum(words) / n, sum(one < 2 for one in words))


def answers(
    folder: Path, pictures: Sequence[tuple[str, ImageSource]], changes: Mapping[str, Any]
) -> dict[str, Caption]:
    """The best caption of every picture that can be read."""
    captioner = Captioner(folder, search=changes)
    return {one.name: one.captions[0] for one in captioner.stream(pictures) if not one.problem}


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--model", type=Path, help="model folder (default: the last captioner)")
    parser.add_argument("--split", default="val")
    parser.add_argument("--limit", type=int, default=100, help="the first so many pictures")
    parser.add_argument("--max-steps", type=int, default=5000, help="beginnings that exact search reads")
    options = parser.parse_args()
    try:
        folder = options.model or last_model("caption")
        source = CAPTION_SOURCES.build(Captioner(folder).model.config.data)
        pictures = split_of(source, options.split, options.limit).images
        exactly = {"name": "exact", "length_rule": "none", "max_steps": options.max_steps}
        started = time.perf_counter()
        exact = answers(folder, pictures, exactly)
        seconds = time.perf_counter() - started
        proven = [name for name, caption in exact.items() if caption.proven]
        figures = Report("search_errors", options.json)
        print(f"{folder}: {len(exact)} pictures of {options.split}, {len(proven)} proven, {seconds:.0f} s\n")
        print("| search | errors | nats missing | words | shorter than 2 |\n| --- | --- | --- | --- | --- |")
        best = [exact[name] for name in proven]
        for name, changes in SEARCHED.items():
            found = answers(folder, pictures, changes)
            against_exact = row(name, [found[one] for one in proven], best)
            print(against_exact, flush=True)
            figures.record(f"{name}, errors", against_exact.errors, "of the pictures", higher_is_better=False)
            figures.record(
                f"{name}, nats missing", against_exact.missing_nats, "a picture", higher_is_better=False
            )
        print(row("exact", best, best))
    except UserError as mistake:
        parser.error(str(mistake))


if __name__ == "__main__":
    main()
