"""Karpathy's split files: the parts, restval, and entries broken on purpose."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from captioner.data.captions.karpathy import KarpathySplits
from captioner.errors import UserError


def entry(number: int, split: str, **more: object) -> dict[str, Any]:
    sentences = [
        {"raw": f" Dog {number}, no {k}.\n", "tokens": ["dog"], "imgid": number} for k in range(number % 3)
    ]
    return {"imgid": number, "filename": f"{number}.jpg", "split": split, "sentences": sentences, **more}


FLICKR = {
    "dataset": "flickr8k",
    "images": [entry(0, "test"), entry(1, "train"), entry(2, "train"), entry(5, "val")],
}
COCO = {
    "dataset": "coco",
    "images": [
        entry(number, split, filepath=filepath, cocoid=1000 - number)
        for number, (split, filepath) in enumerate(
            [("test", "val2014"), ("restval", "val2014"), ("train", "train2014"), ("val", "val2014")]
        )
    ],
}


def read(folder: Path, content: object, **options: Any) -> dict[str, list[dict[str, Any]]]:
    (folder / "dataset.json").write_text(json.dumps(content))
    tables = KarpathySplits(str(folder / "dataset.json"), str(folder), **options).tables()
    return {split: rows.to_list() for split, rows in tables.items()}


def test_flickr_by_imgid(tmp_path: Path) -> None:
    tables = read(tmp_path, FLICKR)
    ids = {split: [row["image_id"] for row in rows] for split, rows in tables.items()}
    assert ids == {"train": [1, 2], "val": [5], "test": [0]}
    assert tables["val"][0] == {
        "image_id": 5,
        "path": str(tmp_path / "5.jpg"),
        "captions": ["Dog 5, no 0.", "Dog 5, no 1."],
    }


def test_coco_by_cocoid_with_and_without_restval(tmp_path: Path) -> None:
    tables = read(tmp_path, COCO)
    assert [row["image_id"] for row in tables["train"]] == [999, 998]
    assert tables["train"][1]["path"] == str(tmp_path / "train2014" / "2.jpg")
    assert [row["image_id"] for row in read(tmp_path, COCO, restval=False)["train"]] == [998]


def changed(**values: object) -> dict[str, Any]:
    content = copy.deepcopy(FLICKR)
    content["images"][2].update(values)
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "no list 'images'"),
        ({"images": 3}, "no list 'images'"),
        (changed(imgid=1), "two pictures have the id 1"),
        ({"images": [3]}, r"images\[0\] needs 'filename' \(str\): 3"),
    ],
)
def test_another_shape_is_said(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "trian"}, "images[2] is in split 'trian'. Did you mean train"),
        ({"sentences": [{"tokens": []}]}, "images[2].sentences[0] needs 'raw' (str)"),
        ({"sentences": None}, "images[2] needs 'sentences' (list)"),
        ({"imgid": None}, "images[2] needs 'imgid' (int)"),
        ({"imgid": float("inf")}, "images[2] needs 'imgid' (int)"),
        ({"filepath": 5}, "images[2] needs 'filepath' (str)"),
    ],
)
def test_a_wrong_image_is_named_and_left_out(
    tmp_path: Path, change: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = read(tmp_path, changed(**change))
    assert [row["image_id"] for row in tables["train"]] == [1]
    assert f"1 images are left out, the first of them:\n  {message}" in capsys.readouterr().err


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no file .*x\.json.*36 MB.*file="):
        KarpathySplits(str(tmp_path / "x.json"), str(tmp_path)).tables()
    (tmp_path / "x.json").write_text(json.dumps(FLICKR))
    with pytest.raises(UserError, match=r"no folder of pictures .*gone.*images="):
        KarpathySplits(str(tmp_path / "x.json"), str(tmp_path / "gone")).tables()
