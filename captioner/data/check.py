"""What a captioned data set holds: counts, lengths, vocabulary, and pictures that cannot be used."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from captioner.data.base import CaptionSource
from captioner.images import UnreadableImage, load_image
from captioner.metrics.tokenizer import tokenize
from captioner.vocabulary import SPECIAL, Vocabulary

if TYPE_CHECKING:
    from datasets import Dataset

NAMED = 10  # of a longer list so many are printed
SPREAD = "min / median / mean / 95 % / max"


class Spread(NamedTuple):
    """Where counts lie: 95 % of them are at most `p95`; all are 0 where there are none."""

    smallest: int
    median: int
    mean: float
    p95: int
    largest: int

    def __str__(self) -> str:
        return f"{self.smallest} / {self.median} / {self.mean:.1f} / {self.p95} / {self.largest}"


class Picture(NamedTuple):
    """A picture that was looked at: the hash of its file, or why there is none to be had."""

    name: str
    digest: str = ""
    is_missing: bool = False
    broken: str = ""


class SplitReport(NamedTuple):
    """One split; `coverage` is the share of its words that are in the vocabulary."""

    images: int
    captions: int
    uncaptioned: int
    captions_per_image: Spread
    words_per_caption: Spread
    coverage: float
    missing: list[str]
    broken: dict[str, str]


MEASURES: dict[str, Callable[[SplitReport], str]] = {
    "pictures": lambda split: f"{split.images:,}",
    "  without captions": lambda split: f"{split.uncaptioned:,}",
    "  missing": lambda split: f"{len(split.missing):,}",
    "  broken": lambda split: f"{len(split.broken):,}",
    "captions": lambda split: f"{split.captions:,}",
    "  known words": lambda split: f"{split.coverage:.2%}",
    f"captions a picture, {SPREAD}": lambda split: str(split.captions_per_image),
    f"words a caption, {SPREAD}": lambda split: str(split.words_per_caption),
}


class Report(NamedTuple):
    """A data set; `copies` are pictures whose files hold the same bytes, each with its split."""

    min_count: int
    vocabulary_split: str
    vocabulary_size: int
    words_dropped: int
    splits: dict[str, SplitReport]
    copies: list[list[tuple[str, str]]]

    def __str__(self) -> str:
        table = [f"{'':57}" + "".join(f"{name:>26}" for name in self.splits)]
        for title, measure in MEASURES.items():
            table.append(f"{title:57}" + "".join(f"{measure(split):>26}" for split in self.splits.values()))
        vocabulary = (
            f"known: {self.vocabulary_size:,} words, {self.min_count} times or more in the captions of "
            f"{self.vocabulary_split}; {self.words_dropped:,} are rarer"
        )
        return "\n".join([*table, vocabulary, *self._named()])

    def _named(self) -> list[str]:
        """The pictures that something is wrong with, by name."""
        lines = []
        for name, split in self.splits.items():
            lines += listed(f"{name}: missing pictures", split.missing)
            lines += listed(f"{name}: broken pictures", list(split.broken.values()))
        groups = [(len({split for split, _ in group}) > 1, group) for group in self.copies]
        for title, wanted in (("copies across splits", True), ("copies within a split", False)):
            texts = [
                " = ".join(f"{split} {path}" for split, path in group)
                for across, group in groups
                if across is wanted
            ]
            lines += listed(title, texts)
        return lines


def check(source: CaptionSource, min_count: int, progress: bool = False) -> Report:
    """Read every caption and decode every picture of `source`.

    The vocabulary is that of the split train, or of the first one where there is no train: the words, as
    the metrics tokenize them, that occur at least `min_count` times.

    Raises:
        UserError: the data set itself cannot be read; a missing or broken picture is only reported.
    """
    tables = source.tables()
    tokens = {
        split: [tokenize(text) for row in rows["captions"] for text in row] for split, rows in tables.items()
    }
    train = "train" if "train" in tables else next(iter(tables))
    known = set(Vocabulary.from_texts(tokens[train], min_count).words[len(SPECIAL) :])
    pictures = {split: _look_at_all(source, split, rows["path"], progress) for split, rows in tables.items()}
    return Report(
        min_count=min_count,
        vocabulary_split=train,
        vocabulary_size=len(known),
        words_dropped=len({word for words in tokens[train] for word in words} - known),
        splits={split: _split(rows, tokens[split], known, pictures[split]) for split, rows in tables.items()},
        copies=_copies(pictures),
    )


def _split(
    rows: "Dataset", tokens: list[list[str]], known: AbstractSet[str], pictures: Sequence[Picture]
) -> SplitReport:
    per_image = [len(captions) for captions in rows["captions"]]
    total = sum(map(len, tokens))
    return SplitReport(
        images=len(per_image),
        captions=len(tokens),
        uncaptioned=per_image.count(0),
        coverage=sum(word in known for words in tokens for word in words) / max(total, 1),
        captions_per_image=_spread(per_image),
        words_per_caption=_spread([len(words) for words in tokens]),
        missing=[picture.name for picture in pictures if picture.is_missing],
        broken={picture.name: picture.broken for picture in pictures if picture.broken},
    )


def _spread(counts: Sequence[int]) -> Spread:
    if not counts:
        return Spread(0, 0, 0.0, 0, 0)
    smallest, median, p95, largest = np.percentile(counts, [0, 50, 95, 100], method="inverted_cdf").tolist()
    return Spread(smallest, median, float(np.mean(counts)), p95, largest)


def _look_at_all(source: CaptionSource, split: str, paths: Sequence[str], progress: bool) -> list[Picture]:
    from tqdm import tqdm

    # Pillow decodes outside the interpreter's lock, so threads share the work.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        looked = pool.map(lambda path: _look_at(source, split, path), paths)
        return list(tqdm(looked, f"pictures of {split}", len(paths), disable=not progress))


def _look_at(source: CaptionSource, split: str, path: str) -> Picture:
    picture = source.image(split, path)
    if isinstance(picture, Path) and not picture.exists():
        return Picture(path, is_missing=True)
    try:
        load_image(picture)
    except UnreadableImage as error:
        return Picture(path, broken=f"{path}: {error}" if isinstance(picture, bytes) else str(error))
    content = picture.read_bytes() if isinstance(picture, Path) else picture
    return Picture(path, hashlib.sha256(content).hexdigest())


def _copies(pictures: Mapping[str, Sequence[Picture]]) -> list[list[tuple[str, str]]]:
    groups: dict[str, list[tuple[str, str]]] = {}
    for split, looked in pictures.items():
        for picture in looked:
            if picture.digest:
                groups.setdefault(picture.digest, []).append((split, picture.name))
    return [group for group in groups.values() if len(group) > 1]


def listed(title: str, entries: Sequence[str]) -> list[str]:
    """A count with the first entries below it; nothing where there are none."""
    more = [f"  ... and {len(entries) - NAMED:,} more"] if len(entries) > NAMED else []
    return (
        [f"{title}: {len(entries):,}", *(f"  {entry}" for entry in entries[:NAMED]), *more] if entries else []
    )
