"""Images that a data set names otherwise than they lie on disk, and names that no disk can hold."""

import unicodedata
from pathlib import Path

import pytest

from captioner.data.captions.base import CaptionRow, table
from captioner.data.captions.folder import CaptionedFolder
from captioner.data.image_paths import found_paths


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Sub").mkdir()
    for name in ("a.JPG", "Sub/b.png", "B\u00c4R.png", "one.png", "ONE.png", "Two.png", "TWO.png"):
        (tmp_path / unicodedata.normalize("NFD", name)).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("named", "lies"),
    [
        ("a.JPG", "a.JPG"),
        ("a.jpg", "a.JPG"),
        ("sub/B.PNG", "Sub/b.png"),
        ("Sub\\b.png", "Sub/b.png"),
        ("sub\\B.png", "Sub/b.png"),
        ("b\u00e4r.png", "BA\u0308R.png"),
        ("one.png", "one.png"),
        ("two.png", "two.png"),  # two fit: neither is chosen
        ("c.jpg", "c.jpg"),
        ("x" * 999, "x" * 999),
        ("a/" * 9999 + "b", "a/" * 9999 + "b"),
        ("a\0b", "a\0b"),
        ("\ud800.png", "?.png"),
    ],
)
def test_the_only_file_that_fits_is_found(
    folder: Path, named: str, lies: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert found_paths([f"{folder}/{named}"]) == [f"{folder}/{lies}"]
    said = capsys.readouterr().err
    assert said.startswith("found under another") == (Path(folder, lies).exists() if named != lies else False)


def test_how_many_differ_is_said_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"{folder}/{name}" for name in ("a.jpg", "a.jpg", "SUB/b.png", "one.png")]
    rows = table(CaptionRow(image_id=0, path=name, captions=[]) for name in [*names, "train/3"])
    assert [Path(path).name for path in rows["path"]] == ["a.JPG", "a.JPG", "b.png", "one.png", "3"]
    assert capsys.readouterr().err == (
        "found under another case, Unicode form or separator: 2 pictures, such as a.JPG for a.jpg\n"
    )


@pytest.mark.parametrize("name", ["nfd__captions.csv", "case_ext__captions.csv"])
def test_the_reported_tables_find_their_pictures(shared_data: Path, tmp_path: Path, name: str) -> None:
    text = (shared_data / "reported/tables" / name).read_text(encoding="utf-8")
    (tmp_path / "captions.csv").write_text(text, encoding="utf-8")
    for line in text.splitlines()[1:]:
        image = Path(unicodedata.normalize("NFD", line.partition(",")[0]))
        (tmp_path / image.with_suffix(".JPG" if "case" in name else image.suffix)).touch()
    tables = CaptionedFolder(str(tmp_path), test_fraction=0).tables()
    assert sum(map(len, tables.values())) == 40
    assert all(Path(path).is_file() for rows in tables.values() for path in rows["path"])
