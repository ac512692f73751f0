"""What `check` counts, against counts made by hand."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from captioner.data.captions.base import CaptionRow, CaptionSource, table
from captioner.data.checks.captions import check_captions as check
from captioner.data.checks.report import NAMED
from captioner.errors import UserError


class Made(CaptionSource):
    """Rows that are given."""

    def __init__(self, **rows: list[CaptionRow]) -> None:
        self.rows = rows

    def tables(self) -> Mapping[str, Any]:
        return {split: table(rows) for split, rows in self.rows.items()}

    def image(self, split: str, path: str) -> Any:
        return b"\xff\xd8 no" if path == "bytes" else Path(path)


def row(path: object, *captions: str) -> CaptionRow:
    return CaptionRow(image_id=0, path=str(path), captions=list(captions))


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Four pictures; the last holds the same bytes as the first."""
    files = [tmp_path / f"{number}.png" for number in range(4)]
    for number, file in enumerate(files):
        Image.new("RGB", (7, 5), (number % 3, 0, 0)).save(file)
    return files


def test_a_data_set_without_a_split_is_refused() -> None:
    with pytest.raises(UserError, match="The data set is empty"):
        check(Made(), min_count=1)


def test_a_name_that_no_folder_can_hold_is_missing(tmp_path: Path) -> None:
    names = ["x" * 999, "a/" * 3000, "a\0b"]
    report = check(Made(train=[row(tmp_path / name, "A dog.") for name in names]), min_count=1)
    assert len(report.splits["train"].pictures.missing) == 3


def test_captions_words_and_vocabulary(photos: list[Path]) -> None:
    train = [row(photos[0], "A dog.", "a big dog runs"), row(photos[1], "A cat"), row(photos[2])]
    report = check(Made(val=[row(photos[1], "the dog, a cat")], train=train), min_count=2)
    # train: a 3, dog 2; big, runs, cat once; full stops and commas are no words.
    assert (report.vocabulary_split, report.vocabulary_size, report.words_dropped) == ("train", 2, 3)
    split = report.splits["train"]
    assert (split.pictures.number, split.captions, split.uncaptioned) == (3, 3, 1)
    assert split.captions_per_image == (0, 1, pytest.approx(1), 2, 2)
    assert split.words_per_caption == (2, 2, pytest.approx(8 / 3), 4, 4)
    assert split.coverage == pytest.approx(5 / 8)
    assert report.splits["val"].coverage == pytest.approx(2 / 4)


def test_95_of_100_captions_are_no_longer_than_p95(photos: list[Path]) -> None:
    captions = ["word " * length for length in range(1, 101)]
    spread = check(Made(train=[row(photos[0], *captions)]), 1).splits["train"].words_per_caption
    assert spread == (1, 50, 50.5, 95, 100)


def test_missing_broken_and_repeated_pictures(photos: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(photos[1].read_bytes()[:40])
    gone = [tmp_path / f"gone {number}.png" for number in range(NAMED + 3)]
    train = [row(path, "a") for path in [photos[0], broken, *gone, photos[1], photos[1]]]
    report = check(Made(train=train, test=[row(photos[3], "b"), row(photos[2], "b"), row("bytes", "b")]), 1)
    assert report.splits["train"].pictures.missing == [str(path) for path in gone]
    assert list(report.splits["train"].pictures.broken) == [str(broken)]
    assert report.images.copies == [
        [("train", str(photos[0])), ("test", str(photos[3]))],
        [("train", str(photos[1])), ("train", str(photos[1]))],
    ]
    lines = str(report).splitlines()
    start = lines.index(f"train: missing pictures: {NAMED + 3}")
    assert lines[start + 1 : start + NAMED + 1] == [f"  {path}" for path in gone[:NAMED]]
    assert lines[start + NAMED + 1] == "  ... and 3 more"
    reason = lines[lines.index("train: broken pictures: 1") + 1]
    assert str(broken) in reason
    assert lines[lines.index("test: broken pictures: 1") + 1].startswith("  bytes: The picture")
    assert f"  train {photos[0]} = test {photos[3]}" == lines[lines.index("copies across splits: 1") + 1]
    assert "copies within a split: 1" in lines
    assert lines[3].split() == ["missing", str(NAMED + 3), "0"]


def test_an_empty_split_and_no_train(photos: list[Path]) -> None:
    report = check(Made(val=[], test=[row(photos[0])]), 1)
    assert report.vocabulary_split == "val"
    assert report.splits["val"].words_per_caption == (0, 0, 0.0, 0, 0)
    assert "missing pictures" not in str(report)
    assert report.splits["test"].coverage == 0
