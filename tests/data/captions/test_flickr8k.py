"""Flickr8k's text files: the official counts, and small files of the same form."""

from pathlib import Path

import pytest

from captioner.data.captions.flickr8k import Flickr8k
from captioner.errors import UserError

TOKENS = (
    "b.jpg#0\tA dog .\nb.jpg#1\t A  cat .\na.jpg#0\tTwo\u2028men\r\n\n"
    "c.jpg.1#0\tNo photo .\nd#2.jpg#0\tA sign .\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Flicker8k_Dataset").mkdir()
    (tmp_path / "Flickr8k.token.txt").write_text(TOKENS, encoding="utf-8")
    (tmp_path / "Flickr_8k.trainImages.txt").write_text("d#2.jpg\nb.jpg\nd#2.jpg\n")
    (tmp_path / "Flickr_8k.testImages.txt").write_text("a.jpg \r\n")
    return tmp_path


def test_the_lists_choose_the_photos(folder: Path) -> None:
    tables = Flickr8k(str(folder)).tables()
    assert {split: rows.to_list() for split, rows in tables.items()} == {
        "train": [
            {"image_id": 3, "path": str(folder / "Flicker8k_Dataset/d#2.jpg"), "captions": ["A sign ."]},
            {
                "image_id": 1,
                "path": str(folder / "Flicker8k_Dataset/b.jpg"),
                "captions": ["A dog .", "A cat ."],
            },
        ],
        "test": [{"image_id": 0, "path": str(folder / "Flicker8k_Dataset/a.jpg"), "captions": ["Two men"]}],
    }
    (folder / "other").mkdir()
    assert Flickr8k(str(folder), images=str(folder / "other")).tables()["test"]["path"][0] == str(
        folder / "other/a.jpg"
    )


def test_what_is_wrong_is_said(folder: Path) -> None:
    (folder / "Flickr_8k.testImages.txt").write_text("a.jpg\nz.jpg\ny.jpg")
    with pytest.raises(UserError, match=r"testImages\.txt lists 2 photos without captions.*first z\.jpg"):
        Flickr8k(str(folder)).tables()
    with pytest.raises(UserError, match=r"no folder of photos .*nowhere"):
        Flickr8k(str(folder), images="nowhere").tables()
    (folder / "Flickr8k.token.txt").write_text("\nb.jpg#0 A cat\n")
    with pytest.raises(UserError, match="line 2 is not NAME"):
        Flickr8k(str(folder)).tables()
    (folder / "Flickr8k.token.txt").unlink()
    with pytest.raises(UserError, match=r"no file .*token\.txt.*1 GB.*folder="):
        Flickr8k(str(folder)).tables()


def test_a_line_of_another_form_is_named_and_left_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Flickr8k(str(folder)).tables()["train"].to_list()
    (folder / "Flickr8k.token.txt").write_text(f"b.jpg#2 A cat\n{TOKENS}a.jpg\tB\n", encoding="utf-8")
    assert Flickr8k(str(folder)).tables()["train"].to_list() == before
    assert "token.txt: 2 lines are left out, the first of them:\n  line 1 is not" in capsys.readouterr().err


def test_a_folder_without_lists_or_photos_is_refused(folder: Path) -> None:
    for list_ in folder.glob("*Images.txt"):
        list_.unlink()
    with pytest.raises(UserError, match=r"none of Flickr_8k\.trainImages\.txt"):
        Flickr8k(str(folder)).tables()
    (folder / "Flicker8k_Dataset").rmdir()
    with pytest.raises(UserError, match="no folder of photos"):
        Flickr8k(str(folder)).tables()


def test_the_official_counts(shared_data: Path) -> None:
    tables = Flickr8k(str(shared_data / "flickr8k")).tables()
    counts = {split: (len(rows), sum(map(len, rows["captions"]))) for split, rows in tables.items()}
    assert counts["train"] == (6000, 30000)
    assert counts["val"] == (1000, 5000)
    ids = [image_id for rows in tables.values() for image_id in rows["image_id"]]
    assert len(set(ids)) == len(ids)
    assert max(ids) < 8092
    assert all(Path(path).is_file() for rows in tables.values() for path in rows["path"])
    # The one photo that the official file misspells.
    assert not any(path.endswith(".jpg.1") for rows in tables.values() for path in rows["path"])


def test_photos_held_out_of_training_take_the_place_of_the_development_photos(tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(10)]
    (tmp_path / "images").mkdir()
    (tmp_path / "Flickr8k.token.txt").write_text("".join(f"{name}#0\tA dog .\n" for name in names))
    (tmp_path / "Flickr_8k.trainImages.txt").write_text("\n".join(names[:7]))
    (tmp_path / "Flickr_8k.devImages.txt").write_text("\n".join(names[7:9]))
    (tmp_path / "Flickr_8k.testImages.txt").write_text(names[9])
    tables = Flickr8k(str(tmp_path), held_out=2).tables()
    found = {split: [Path(path).name for path in rows["path"]] for split, rows in tables.items()}
    assert found == {
        "train": ["1.jpg", "2.jpg", "4.jpg", "5.jpg", "6.jpg"],
        "val": ["0.jpg", "3.jpg"],
        "dev": ["7.jpg", "8.jpg"],
        "test": ["9.jpg"],
    }
    with pytest.raises(UserError, match="7 photos cannot be held out of 7 for training"):
        Flickr8k(str(tmp_path), held_out=7).tables()
