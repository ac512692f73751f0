"""A folder with questions.csv or .jsonl: several people, splits by picture, and mistakes."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from captioner.data.questions.base import QUESTION_SOURCES
from captioner.data.questions.folder import QuestionFolder
from captioner.errors import UserError
from captioner.metrics.answers.vqa_accuracy import compare


def read(folder: Path, **options: Any) -> dict[str, list[dict[str, Any]]]:
    source = QUESTION_SOURCES.build({"name": "folder", "folder": str(folder), **options})
    return {split: rows.to_list() for split, rows in source.tables().items()}


def write(folder: Path, text: str, name: str = "questions.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder


def test_questions_of_several_people_types_and_splits(tmp_path: Path) -> None:
    with (tmp_path / "questions.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["question", " image", "answer", "split"])
        writer.writerow(["How many, in all?", "sub/a.jpg", "two", "train"])
        writer.writerow(["How  many, in all?", "./sub/a.jpg", "2", "train"])
        writer.writerow(["Is it red?", "b.jpg", "Yes", "dev"])
        writer.writerow(["How many, in all?", "b.jpg", " ", "val"])
        writer.writerow(["What?", "sub/a.jpg", "a red\ndog", "train"])
    train, val = (read(tmp_path)[split] for split in ("train", "val"))
    assert [row["question_id"] for row in (*train, *val)] == [0, 3, 1, 2]
    assert [row["image_id"] for row in (*train, *val)] == [0, 0, 1, 1]
    assert train[0] == {
        "question_id": 0,
        "image_id": 0,
        "path": str(tmp_path / "sub" / "a.jpg"),
        "question": "How many, in all?",
        "answer": "2",
        "answers": ["two"] * 5 + ["2"] * 5,
        "choices": [],
        "boxes": [],
        "question_type": "how",
        "answer_type": "number",
    }
    assert (train[1]["answer"], train[1]["answers"]) == ("a red dog", ["a red dog"] * 10)
    assert (val[0]["answer"], val[0]["answer_type"]) == ("Yes", "yes/no")
    assert (val[1]["answer"], val[1]["answers"], val[1]["answer_type"]) == ("", [], "")


def test_one_person_is_enough_for_the_accuracy(tmp_path: Path) -> None:
    lines = [
        {"image": "a.jpg", "question": "What?", "answer": people, "question_type": "x", "answer_type": "y"}
        for people in [["red"]]
    ]
    lines += [{"image": "b.jpg", "question": "What?", "answer": ["red", "blue", "green", "blue"]}]
    folder = write(tmp_path, "\n".join(map(json.dumps, lines)), "questions.jsonl")
    one, four = read(folder, val_fraction=0, test_fraction=0)["train"]
    assert compare("red", one["answers"]).accuracy == 1
    assert (one["question_type"], one["answer_type"]) == ("x", "y")
    # Three of twelve: those three find two others of eleven, the other nine find all three.
    assert compare("red", four["answers"]).accuracy == pytest.approx((3 * 2 / 3 + 9) / 12)
    assert compare("blue", four["answers"]).accuracy == 1
    assert four["answer"] == "blue"


def test_all_questions_about_a_picture_are_in_one_split(tmp_path: Path) -> None:
    lines = [f"{k}.jpg,what is {j},x" for j in range(3) for k in range(60)]
    tables = read(write(tmp_path, "image,question,answer\n" + "\n".join(lines)), val_fraction=0.3)
    pictures = [{row["image_id"] for row in rows} for rows in tables.values()]
    assert list(tables) == ["train", "val", "test"]
    assert sum(map(len, pictures)) == 60
    assert sum(map(len, tables.values())) == 180
    assert 8 < len(pictures[1]) < 28


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,question\na,b\n", "column 'answer' is missing"),
        ("image,question,answr\na,b,c\n", "column 'answer' is missing. Did you mean answr"),
        ("image,question,answer\na, ,c\n", "line 2: the question is blank"),
        ("image,question,answer\na,b,c,d\n", "line 2: it has 4 values instead of 3"),
        ("image,question,answer\n", "names no picture"),
    ],
)
def test_a_wrong_csv_is_said(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(write(tmp_path, text))


def test_other_mistakes_are_said(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"neither questions\.csv nor questions\.jsonl.*image, question, answer"
    ):
        read(tmp_path)
    with pytest.raises(UserError, match=r"folder: val_fraction=.* must be shares"):
        QuestionFolder("nowhere", 0.6, 0.4)
    line = {"image": "a", "question": "b", "answer": {"text": "c"}}
    with pytest.raises(UserError, match=r"line 1: the answer is \{'text': 'c'\}, not text"):
        read(write(tmp_path, json.dumps(line), "questions.jsonl"))
