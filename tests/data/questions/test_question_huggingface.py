"""Questions as `datasets` writes them: answers as one text, as several, and as VQA has them."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from captioner.data.questions.huggingface import HuggingFaceQuestions
from captioner.errors import UserError
from captioner.images import load_image

datasets = pytest.importorskip("datasets")


def png(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (3, 5), (shade, 0, 0)).save(file, "PNG")
    return file.getvalue()


def saved(folder: Path, answers: list[Any], column: str = "answer") -> str:
    rows = {
        "image": [{"bytes": png(10 * row), "path": None} for row in range(len(answers))],
        "question": [f" what\n is {row}?" for row in range(len(answers))],
        column: answers,
    }
    data = datasets.Dataset.from_dict(rows).cast_column("image", datasets.Image())
    datasets.DatasetDict({"validation": data, "train": data.select([0])}).save_to_disk(folder)
    return str(folder)


def test_rows_bytes_and_ids(tmp_path: Path) -> None:
    source = HuggingFaceQuestions(saved(tmp_path / "d", ["red", "", None, "Two"]))
    tables = {split: rows.to_list() for split, rows in source.tables().items()}
    assert list(tables) == ["train", "val"]
    assert [row["question_id"] for rows in tables.values() for row in rows] == [0, 1, 2, 3, 4]
    assert [row["answer"] for row in tables["val"]] == ["red", "", "", "Two"]
    assert [len(row["answers"]) for row in tables["val"]] == [10, 0, 0, 10]
    assert tables["val"][3]["question"] == "what is 3?"
    assert tables["val"][3]["answer_type"] == "number"
    shades = [load_image(source.image("val", row["path"])).getpixel((0, 0))[0] for row in tables["val"]]
    assert shades == [0, 10, 20, 30]


@pytest.mark.parametrize("as_in_vqa", [False, True])
def test_several_answers(tmp_path: Path, as_in_vqa: bool) -> None:
    people = ["red", "blue", "red", "The red"] * 3
    cell = [{"answer": text, "answer_id": 1} for text in people] if as_in_vqa else people
    source = HuggingFaceQuestions(saved(tmp_path / "d", [cell], "answers"), answer_column="answers")
    row = source.tables()["val"][0]
    assert (row["answers"], row["answer"]) == (people, "red")


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    folder = saved(tmp_path / "d", [1, 2])
    with pytest.raises(UserError, match="'answer' of train/0 is 1, not text"):
        HuggingFaceQuestions(folder).tables()
    message = (
        "no column 'qestion'. Did you mean question.*image_column= and question_column= and answer_column="
    )
    with pytest.raises(UserError, match=message):
        HuggingFaceQuestions(folder, question_column="qestion").tables()
