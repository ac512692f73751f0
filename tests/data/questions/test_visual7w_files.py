"""Visual7W's files: read back as they were written, choices in no telling order, and files broken on."""

import copy
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from captioner.data.questions.base import QUESTION_SOURCES
from captioner.data.questions.visual7w import Visual7WQuestions
from captioner.errors import UserError
from captioner.metrics.answers.measures import MEASURES
from captioner.scenes.choices import pointing, telling
from captioner.scenes.write import _rng, image_ids, scene_of

SMALL = {"num_train": 5, "num_val": 2, "num_test": 3}


def pair(qa_id: int, answer: Any, others: list[Any], kind: str = "what") -> dict[str, Any]:
    return {
        "qa_id": qa_id,
        "image_id": qa_id // 10,
        "question": f" {kind.capitalize()}  is\n it? ",
        "answer": answer,
        "multiple_choices": others,
        "type": kind,
    }


def image(image_id: int, split: str, *pairs: dict[str, Any]) -> dict[str, Any]:
    return {"image_id": image_id, "filename": f"v7w_{image_id}.jpg", "split": split, "qa_pairs": list(pairs)}


TELLING = {
    "dataset": "visual7w-telling",
    "images": [
        image(1, "train", pair(11, "Red.", ["Blue.", "Grey.", "A bus."]), pair(12, "Two.", ["One."], "how")),
        image(2, "test"),
        image(3, "test", pair(31, "At night.", ["At noon.", "At dawn.", "Never."], "when")),
    ],
}
POINTING = {
    "dataset": "visual7w-pointing",
    "images": [image(7, "val", pair(71, 4, [9, 6, 5], "which"))],
    "boxes": [
        {"box_id": box_id, "name": "dog", "x": box_id, "y": 2 * box_id, "width": 3 * box_id, "height": 1.5}
        for box_id in (9, 4, 6, 5, 8)
    ],
}


def read(folder: Path, content: Any, **options: Any) -> dict[str, list[dict[str, Any]]]:
    (folder / "dataset.json").write_text(json.dumps(content))
    tables = Visual7WQuestions(str(folder / "dataset.json"), str(folder), **options).tables()
    return {split: rows.to_list() for split, rows in tables.items()}


def test_telling(tmp_path: Path) -> None:
    tables = read(tmp_path, TELLING)
    assert {split: [row["question_id"] for row in rows] for split, rows in tables.items()} == {
        "train": [11, 12],
        "test": [31],
    }
    row = tables["train"][0]
    assert sorted(row.pop("choices")) == ["A bus.", "Blue.", "Grey.", "Red."]
    assert row == {
        "question_id": 11,
        "image_id": 1,
        "path": str(tmp_path / "v7w_1.jpg"),
        "question": "What is it?",
        "answer": "Red.",
        "answers": ["Red."] * 10,
        "boxes": [],
        "question_type": "what",
        "answer_type": "telling",
    }


def test_pointing(tmp_path: Path) -> None:
    (row,) = read(tmp_path, POINTING)["val"]
    assert (row["answer"], row["question_type"], row["answer_type"]) == ("4", "which", "pointing")
    assert sorted(row["choices"]) == ["4", "5", "6", "9"]
    for choice, box in zip(row["choices"], row["boxes"], strict=True):
        assert box == [float(choice), 2 * float(choice), 3 * float(choice), 1.5]


def test_the_order_of_the_choices_tells_nothing_and_does_not_depend_on_the_file(tmp_path: Path) -> None:
    many = [pair(n, "a", ["b", "c", "d"]) for n in range(400)]
    first = read(tmp_path, {"images": [image(1, "train", *many)]})["train"]
    places = Counter(row["choices"].index("a") for row in first)
    assert all(70 < places[place] < 130 for place in range(4))
    turned = read(tmp_path, {"images": [image(1, "train", *many[::-1])]})["train"]
    assert turned[::-1] == first
    other = read(tmp_path, {"images": [image(1, "train", *many)]}, seed=1)["train"]
    assert [row["choices"] for row in other] != [row["choices"] for row in first]


def test_questions_that_cannot_be_chosen_for_are_left_out_and_said(tmp_path: Path, capsys: Any) -> None:
    content = copy.deepcopy(POINTING)
    unoffered = pair(74, 4, [], "which")
    del unoffered["multiple_choices"]
    pairs = content["images"][0]["qa_pairs"]
    pairs += [pair(72, 4, [9, 77], "which"), pair(73, 4, [], "which"), unoffered]
    assert [row["question_id"] for row in read(tmp_path, content)["val"]] == [71]
    assert "3 of 4 questions" in capsys.readouterr().err
    content = copy.deepcopy(TELLING)
    no_list: Any = "Blue."
    content["images"][0]["qa_pairs"] += [pair(13, "Red.", no_list), pair(14, 5, ["Blue."])]
    assert [row["question_id"] for row in read(tmp_path, content)["train"]] == [11, 12]
    assert "2 of 5 questions" in capsys.readouterr().err


def test_the_right_answer_is_worth_all_by_the_rule_of_vqa(tmp_path: Path) -> None:
    """So that `--task vqa` can learn to say it without choices."""
    row = read(tmp_path, TELLING)["train"][0]
    soft_score = MEASURES[Visual7WQuestions.answers_are].soft_score
    assert [soft_score(said, row["answers"]) for said in ("Red.", "Blue.")] == [1, 0]


def broken(path: list[Any], value: Any) -> dict[str, Any]:
    content = copy.deepcopy(POINTING)
    spot: Any = content
    for key in path[:-1]:
        spot = spot[key]
    spot[path[-1]] = value
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "not a dataset.json of Visual7W: it holds a list"),
        ({"dataset": "x"}, "it has no list 'images'"),
        (broken(["images", 0, "image_id"], "seven"), r"images\[0\] needs 'image_id' \(int\)"),
        (broken(["images", 0, "split"], "vall"), "split 'vall'. Did you mean val"),
        (broken(["images", 0, "qa_pairs", 0, "type"], None), r"qa_pairs\[0\] needs 'type'"),
        (broken(["images"], POINTING["images"] * 2), "two questions have the qa_id 71"),
    ],
)
def test_what_is_not_of_the_form_is_named(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["boxes", 1, "x"], "left", "boxes[1] needs x, y, width and height (numbers)"),
        (["boxes", 1, "x"], 10**400, "boxes[1] needs x, y, width and height (numbers)"),
        (["boxes", 1, "x"], float("nan"), "boxes[1] needs x, y, width and height (numbers)"),
        (["boxes", 2, "box_id"], None, "boxes[2] needs 'box_id' (int)"),
    ],
)
def test_a_box_that_cannot_be_used_is_named_with_the_questions_that_need_it(
    tmp_path: Path, path: list[Any], value: Any, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read(tmp_path, broken(path, value)) == {}
    said = capsys.readouterr().err
    assert f"1 boxes are left out, the first of them:\n  {message}" in said
    assert "1 of 1 questions" in said


def test_where_to_get_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no file .*dataset_v7w_telling.json"):
        Visual7WQuestions(str(tmp_path / "none.json"), str(tmp_path)).tables()
    (tmp_path / "dataset.json").write_text(json.dumps(TELLING))
    with pytest.raises(UserError, match=r"no folder of pictures .*visual7w_images.zip"):
        Visual7WQuestions(str(tmp_path / "dataset.json"), str(tmp_path / "images")).tables()


@pytest.mark.parametrize("kind", ["telling", "pointing"])
def test_scenes_are_read_as_they_were_written(tmp_path: Path, kind: str) -> None:
    source = QUESTION_SOURCES.build(
        {"name": "visual7w_scenes", "kind": kind, "folder": str(tmp_path / "s"), "seed": 4, **SMALL}
    )
    tables = source.tables()
    ask: Any = {"telling": telling, "pointing": pointing}[kind]
    for split, rows in tables.items():
        found = iter(rows)
        for image_id in image_ids(split, SMALL[f"num_{split}"]):
            for question in ask(scene_of(4, image_id), _rng(4, image_id, kind)):
                row: Any = next(found)
                assert row["image_id"] == image_id
                assert row["path"] == str(tmp_path / "s/images" / split / f"{image_id:012d}.png")
                assert Path(row["path"]).is_file()
                assert row["question"] == question.text
                assert row["question_type"] == question.text.split()[0].lower()
                assert len(set(row["choices"])) == 4
                right = row["choices"].index(row["answer"])
                if kind == "telling":
                    assert row["answer"] == question.answer
                    assert set(row["choices"]) == {question.answer, *question.others}
                else:
                    x, y, width, height = row["boxes"][right]
                    assert [x, y, x + width, y + height] == pytest.approx(question.answer, abs=0.2)
                    assert len({tuple(box) for box in row["boxes"]}) == 4
        assert next(found, None) is None
