"""DAQUAR: both forms of its files say the same, on a few questions and on the real ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from captioner.data.questions.base import QUESTION_SOURCES
from captioner.data.questions.daquar import Daquar
from captioner.errors import UserError

RAW = [
    ("what is on the desk in the image3 ?", "book, tape_dispenser"),
    ("what is the largest brown object in this image3 ?", "carton"),
    ("how many chairs are there in the image10 ?", "2"),
    ("what color is the wall on image7?", "white, white"),
    ("what is behind the image of a dog in the image11 ?", "2"),
]
TYPES = [("other", "several"), ("other", "other"), ("how many", "number"), ("what color", "other")]
TYPES += [("other", "number")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for number in (3, 7, 10):
        (tmp_path / "images" / f"image{number}.jpg").touch()
    lines = [line for pair in RAW for line in pair]
    (tmp_path / "qa.894.raw.train.txt").write_text("\n".join(lines) + "\n\n")
    return tmp_path


def test_the_official_text(folder: Path) -> None:
    source = QUESTION_SOURCES.build({"name": "daquar", "folder": str(folder), "num_val": 0, "num_test": 0})
    (rows,) = source.tables().values()
    assert rows["question"][:] == [
        "what is on the desk",
        "what is the largest brown object in this",
        "how many chairs are there",
        "what color is the wall",
        "what is behind the image of a dog",
    ]
    assert rows["answers"][:] == [["book", "tape_dispenser"], ["carton"], ["2"], ["white", "white"], ["2"]]
    assert rows["answer"][:] == ["book, tape_dispenser", "carton", "2", "white", "2"]
    assert rows["image_id"][:] == [3, 3, 10, 7, 11]
    assert [Path(path).name for path in rows["path"]] == [
        *("image3.jpg", "image3.jpg", "image10.jpg", "image7.jpg"),
        "image11.png",  # is missing, and so has the name it should have
    ]
    assert list(zip(rows["question_type"], rows["answer_type"], strict=True)) == TYPES
    assert source.answers_are == "set"


def test_pictures_are_held_out_with_all_their_questions(folder: Path) -> None:
    tables = Daquar(str(folder), num_val=1, num_test=2, seed=1).tables()
    pictures = {split: set(rows["image_id"]) for split, rows in tables.items()}
    assert [len(own) for own in pictures.values()] == [1, 1, 2]
    assert set().union(*pictures.values()) == {3, 7, 10, 11}
    ids = [question_id for rows in tables.values() for question_id in rows["question_id"]]
    assert sorted(ids) == [0, 1, 2, 3, 4]
    others = {tuple(Daquar(str(folder), 1, 2, seed=seed).tables()["train"]["image_id"]) for seed in range(9)}
    assert len(others) > 1
    with pytest.raises(UserError, match="4 pictures cannot be held out of the 4 of train"):
        Daquar(str(folder), 2, 2).tables()
    with pytest.raises(UserError, match="num_val=-1 and num_test=2 must not be negative"):
        Daquar(str(folder), -1, 2)


def test_an_official_test_part_is_taken_whole(folder: Path) -> None:
    entry = {"question": "what is this", "answers": ["lamp"], "image": "image5.png"}
    (folder / "daquar_test.json").write_text(json.dumps([entry] * 3))
    tables = Daquar(str(folder), num_val=1, num_test=99).tables()
    assert tables["test"]["question_id"][:] == [5, 6, 7]
    assert tables["test"]["image_id"][:] == [5, 5, 5]
    assert len(tables["train"]) + len(tables["val"]) == 5


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("qa.894.raw.train.txt", "what is it in the image3 ?\nlamp\nwhat", "has 3 lines"),
        ("qa.894.raw.train.txt", "what is it?\nlamp", "line 1 does not end in a picture"),
        ("qa.894.raw.train.txt", "what is it in the image3 ?\n , ", "line 1 has no answer"),
        ("daquar_train.json", "{}", "not a file of DAQUAR: it holds a dict, not a list"),
        ("daquar_train.json", '[{"question": "a", "image": "b"}]', r"\[0\] needs 'answers' \(list\)"),
        ("daquar_train.json", '[{"question": "a", "image": "b", "answers": []}]', "'b', not image1"),
        ("daquar_train.json", '[{"question": "a", "image": "image1", "answers": [1]}]', "not texts"),
    ],
)
def test_what_is_wrong_is_said(folder: Path, name: str, content: str, message: str) -> None:
    (folder / name).write_text(content)
    with pytest.raises(UserError, match=message):
        Daquar(str(folder)).tables()


def test_what_is_missing_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no daquar_train\.json or qa\.894\.raw\.train\.txt or .* in"):
        Daquar(str(tmp_path / "images")).tables()
    for file in (folder / "images").iterdir():
        file.unlink()
    (folder / "images").rmdir()
    with pytest.raises(UserError, match="no folder of photographs"):
        Daquar(str(folder), 1, 1).tables()


def test_the_real_questions_in_both_forms(shared_data: Path, tmp_path: Path) -> None:
    entries: list[dict[str, Any]] = json.loads((shared_data / "daquar/daquar_train.json").read_text())
    lines = [line for one in entries for line in (one["question_raw"], ", ".join(one["answers"]))]
    (tmp_path / "qa.894.raw.train.txt").write_text("\n".join(lines))
    (tmp_path / "nyu_depth_images").symlink_to(shared_data / "daquar/images")
    tables = Daquar(str(shared_data / "daquar")).tables()
    assert {split: len(set(rows["image_id"])) for split, rows in tables.items()} == {
        "train": 650,
        "val": 50,
        "test": 94,
    }
    assert sum(map(len, tables.values())) == len(entries) == 6795
    as_text = Daquar(str(tmp_path)).tables()
    for split, rows in tables.items():
        for row, text in zip(rows, as_text[split], strict=True):
            assert Path(row.pop("path")).name == Path(text.pop("path")).name
            assert row == text
            entry = entries[row["question_id"]]
            assert (row["question"], row["answers"]) == (entry["question"], entry["answers"])
            assert f"image{row['image_id']}.jpg" == entry["image"]
