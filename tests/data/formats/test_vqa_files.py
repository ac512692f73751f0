"""VQA in files of the official form, written here from rows and read back; files broken on purpose."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from captioner.data.formats.vqa import read_vqa
from captioner.data.questions.base import QUESTION_SOURCES, question_table
from captioner.data.questions.vqa import Vqa
from captioner.errors import UserError

CHOICES = [f"choice {k}" for k in range(17)] + ["red"]


def entries(first: int, count: int) -> list[dict[str, Any]]:
    """Questions with everything that both files say of them; three about each picture."""
    return [
        {
            "question_id": 10 * k + 3,
            "image_id": k // 3,
            "question": f"What\n is  {k}? ",
            "multiple_choices": CHOICES,
            "question_type": ("what is", "none of the above")[k % 2],
            "answer_type": ("other", "number")[k % 2],
            "multiple_choice_answer": "a red one",
            "answers": [
                {"answer": ("red", f"a\tRed {j}")[j % 2], "answer_confidence": "maybe", "answer_id": j}
                for j in range(1, 11)
            ],
        }
        for k in range(first, first + count)
    ]


def parts(listed: list[dict[str, Any]], *keys: str) -> list[dict[str, Any]]:
    return [{key: entry[key] for key in ("question_id", "image_id", *keys)} for entry in listed]


def questions_of(listed: list[dict[str, Any]], *more: str) -> dict[str, Any]:
    head = {"info": {"year": 2017}, "task_type": "Open-Ended", "data_type": "mscoco", "license": {}}
    return head | {"data_subtype": "val2014", "questions": parts(listed, "question", *more)}


def annotations_of(listed: list[dict[str, Any]]) -> dict[str, Any]:
    keys = ("question_type", "answer_type", "multiple_choice_answer", "answers")
    return {"info": {}, "data_subtype": "val2014", "annotations": parts(listed, *keys)}


def write(file: Path, content: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def expected(entry: dict[str, Any], path: Path, choices: list[str]) -> dict[str, Any]:
    return {
        "question_id": entry["question_id"],
        "image_id": entry["image_id"],
        "path": str(path),
        "question": " ".join(entry["question"].split()),
        "answer": "a red one",
        "answers": [one["answer"] for one in entry["answers"]],
        "choices": choices,
        "boxes": [],
        "question_type": entry["question_type"],
        "answer_type": entry["answer_type"],
    }


@pytest.fixture
def official(tmp_path: Path) -> Path:
    """VQA v1 and v2 as they are unpacked."""
    train, val, test = entries(0, 7), entries(7, 4), entries(11, 5)
    (tmp_path / "images" / "train2014").mkdir(parents=True)
    for split in ("val2014", "test2015"):
        (tmp_path / split).mkdir()
    for split, listed in (("train2014", train), ("val2014", val)):
        write(tmp_path / f"v2_OpenEnded_mscoco_{split}_questions.json", questions_of(listed))
        write(tmp_path / "annotations" / f"v2_mscoco_{split}_annotations.json", annotations_of(listed))
    many = questions_of(val, "multiple_choices")
    write(tmp_path / "Questions" / "MultipleChoice_mscoco_val2014_questions.json", many)
    write(tmp_path / "Annotations" / "mscoco_val2014_annotations.json", annotations_of(val[::-1]))
    write(tmp_path / "questions" / "v2_OpenEnded_mscoco_test-dev2015_questions.json", questions_of(test))
    return tmp_path


def test_what_is_written_is_read(official: Path) -> None:
    source = QUESTION_SOURCES.build({"name": "vqa", "folder": str(official), "test": "test-dev2015"})
    tables = source.tables()
    assert {split: len(rows) for split, rows in tables.items()} == {"train": 7, "val": 4, "test": 5}
    for split, name, first in (("train", "images/train2014", 0), ("val", "val2014", 7)):
        for row, entry in zip(tables[split], entries(first, len(tables[split])), strict=True):
            file = f"COCO_{Path(name).name}_{entry['image_id']:012d}.jpg"
            assert row == expected(entry, official / name / file, [])
    row = tables["test"][4]
    assert row["path"] == str(official / "test2015" / "COCO_test2015_000000000005.jpg")
    assert (row["answer"], row["answers"], row["answer_type"]) == ("", [], "")


def test_multiple_choice_of_v1_and_several_splits_at_once(official: Path) -> None:
    source = Vqa(str(official), train=None, version="v1", multiple_choice=True, images=str(official))
    (rows,) = source.tables().values()
    assert all(row["choices"] == CHOICES for row in rows)
    assert rows[0]["answers"] == [one["answer"] for one in entries(7, 1)[0]["answers"]]
    both = Vqa(str(official), train=["train2014", "val2014"], val=None).tables()
    assert both["train"]["question_id"][:] == [10 * k + 3 for k in range(11)]


def test_the_answer_to_learn_where_the_file_does_not_say_it(tmp_path: Path) -> None:
    listed = entries(0, 1)
    del listed[0]["multiple_choice_answer"]
    listed[0]["answers"] = [{"answer": text} for text in ["The cat", "a dog", "Dog.", "cat", "dog"]]
    content = annotations_of([listed[0] | {"multiple_choice_answer": None}])
    del content["annotations"][0]["multiple_choice_answer"]
    asked = write(tmp_path / "q.json", questions_of(listed))
    rows = read_vqa(asked, write(tmp_path / "a.json", content), tmp_path, "{}.jpg")
    assert rows[0]["answer"] == "dog"
    assert question_table(rows)[0]["answers"] == ["The cat", "a dog", "Dog.", "cat", "dog"]


def test_missing_files_say_where_to_get_them(official: Path) -> None:
    with pytest.raises(UserError, match=r"no OpenEnded_mscoco_train2014_questions\.json.*visualqa\.org"):
        Vqa(str(official), version="v1").tables()
    with pytest.raises(UserError, match="only version=v1 has multiple choice"):
        Vqa("nowhere", multiple_choice=True)
    (official / "val2014").rmdir()
    (official / "images").rename(official / "photos")
    with pytest.raises(UserError, match=r"no folder of pictures .*val2014.*6 GB"):
        Vqa(str(official), train=None).tables()


def broken(change: str) -> tuple[Any, Any]:
    """Questions and annotations with one thing wrong."""
    asked, answered = deepcopy(
        (questions_of(entries(0, 3), "multiple_choices"), annotations_of(entries(0, 3)))
    )
    exec(
        change, {"asked": asked, "q": asked["questions"], "answered": answered, "a": answered["annotations"]}
    )
    return asked, answered


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("q.append(q[1])", "q.json: question_id 13 is there more than once"),
        ("a.append(a[2])", "a.json: question_id 23 is there more than once"),
        ("del answered['annotations']", "not a file of VQA annotations: it has no list 'annotations'"),
        ("asked['questions'] = [5]", r"q.json can be used: questions\[0\] needs 'question_id' \(int\): 5"),
        ("q[:] = [one | {'question_id': 5} for one in q[:1]]", "question_id 5 is not in .*a.json"),
    ],
)  # fmt: skip
def test_files_that_are_wrong_are_said(tmp_path: Path, change: str, message: str) -> None:
    asked, answered = broken(change)
    with pytest.raises(UserError, match=message) as error:
        read_vqa(write(tmp_path / "q.json", asked), write(tmp_path / "a.json", answered), tmp_path, "{}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "left", "message"),
    [
        ("q.pop()", [3, 13], "question_id 23 is not in"),
        ("a.pop(0)", [13, 23], "question_id 3 is not in"),
        ("a[1]['image_id'] = 77", [3, 23], "question_id 13 is about image 0, but 77 in"),
        ("del q[2]['question']", [3, 13], "questions[2] needs 'question' (str)"),
        ("q[0]['question_id'] = 2**64", [13, 23], "questions[0] needs 'question_id' (int)"),
        ("q[0]['multiple_choices'] = 'red'", [13, 23], "questions[0] needs 'multiple_choices'"),
        ("q[0]['multiple_choices'] = ['red', 4]", [13, 23], "questions[0] needs 'multiple_choices'"),
        ("a[1]['answer_type'] = None", [3, 23], "annotations[1] needs 'answer_type' (str)"),
        ("a[1]['multiple_choice_answer'] = 5", [3, 23], "[1] needs 'multiple_choice_answer' (str)"),
        ("a[1]['answers'][4] = 'red'", [3, 23], "annotations[1].answers[4] needs 'answer' (str): 'red'"),
    ],
)
def test_an_entry_that_cannot_be_used_is_named_and_left_out(
    tmp_path: Path, change: str, left: list[int], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked, answered = broken(change)
    rows = read_vqa(write(tmp_path / "q.json", asked), write(tmp_path / "a.json", answered), tmp_path, "{}")
    assert [row["question_id"] for row in rows] == left
    said = capsys.readouterr().err
    assert "1 questions are left out" in said or "1 annotations are left out" in said
    assert message in said
