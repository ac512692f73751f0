"""Check a captioned data set: counts, lengths, vocabulary, and images that cannot be used."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, NamedTuple

from captioner.data.captions.base import CaptionSource
from captioner.data.checks.images import ImageCounts, ImageReport, check_images
from captioner.data.checks.report import SPREAD, Spread, by_split, spread
from captioner.data.splits import first_split
from captioner.metrics.tokenization.ptb import tokenize
from captioner.vocabulary import SPECIAL, Vocabulary

if TYPE_CHECKING:
    from datasets import Dataset


class CaptionSplitReport(NamedTuple):
    """One split; `coverage` is the share of its words that are in the vocabulary."""

    pictures: ImageCounts
    captions: int
    uncaptioned: int
    captions_per_image: Spread
    words_per_caption: Spread
    coverage: float


MEASURES: dict[str, Callable[[CaptionSplitReport], str]] = {
    "pictures": lambda split: f"{split.pictures.number:,}",
    "  without captions": lambda split: f"{split.uncaptioned:,}",
    "  missing": lambda split: f"{len(split.pictures.missing):,}",
    "  broken": lambda split: f"{len(split.pictures.broken):,}",
    "captions": lambda split: f"{split.captions:,}",
    "  known words": lambda split: f"{split.coverage:.2%}",
    f"captions a picture, {SPREAD}": lambda split: str(split.captions_per_image),
    f"words a caption, {SPREAD}": lambda split: str(split.words_per_caption),
}


class CaptionReport(NamedTuple):
    """Counts of a captioned data set; prints as a table."""

    min_count: int
    vocabulary_split: str
    vocabulary_size: int
    words_dropped: int
    splits: dict[str, CaptionSplitReport]
    images: ImageReport

    def __str__(self) -> str:
        table = by_split(
            {
                title: {name: measure(split) for name, split in self.splits.items()}
                for title, measure in MEASURES.items()
            }
        )
        vocabulary = (
            f"known: {self.vocabulary_size:,} words, {self.min_count} times or more in the captions of "
            f"{self.vocabulary_split}; {self.words_dropped:,} are rarer"
        )
        return "\n".join([*table, vocabulary, *self.images.lines()])


def check_captions(source: CaptionSource, min_count: int, progress: bool = False) -> CaptionReport:
    """Read every caption and decode every image of a data set.

    The vocabulary is that of the split train, or of the first split where there is no train.

    Args:
        source: the data set.
        min_count: how often a word must occur, as the metrics tokenize captions, to be in the vocabulary.
        progress: whether to show a progress bar.

    Returns:
        Counts of each split.

    Raises:
        UserError: the data set itself cannot be read; a missing or broken image is only reported.
    """
    tables = source.tables()
    tokens = {
        split: [tokenize(text) for row in rows["captions"] for text in row] for split, rows in tables.items()
    }
    train = first_split(tables)
    known = set(Vocabulary.from_texts(tokens[train], min_count).words[len(SPECIAL) :])
    images = check_images(source, {split: rows["path"] for split, rows in tables.items()}, progress)
    return CaptionReport(
        min_count=min_count,
        vocabulary_split=train,
        vocabulary_size=len(known),
        words_dropped=len({word for words in tokens[train] for word in words} - known),
        splits={
            split: _split(rows, tokens[split], known, images.splits[split]) for split, rows in tables.items()
        },
        images=images,
    )


def _split(
    rows: "Dataset", tokens: list[list[str]], known: AbstractSet[str], pictures: ImageCounts
) -> CaptionSplitReport:
    per_image = [len(captions) for captions in rows["captions"]]
    total = sum(map(len, tokens))
    return CaptionSplitReport(
        pictures=pictures,
        captions=len(tokens),
        uncaptioned=per_image.count(0),
        coverage=sum(word in known for words in tokens for word in words) / max(total, 1),
        captions_per_image=spread(per_image),
        words_per_caption=spread([len(words) for words in tokens]),
    )
