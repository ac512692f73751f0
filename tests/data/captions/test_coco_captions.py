"""COCO caption files: against pycocotools, the files' own counts, and files broken on purpose."""

import json
from pathlib import Path
from typing import Any

import pytest

from captioner.data.captions.base import CaptionRow
from captioner.data.captions.coco import CocoCaptions, read_coco, write_coco_results
from captioner.errors import UserError

ROWS = [
    CaptionRow(image_id=70 + i, path=f"/p/{i}.jpg", captions=[f"a dog {i}", f"one cat {i}"][: i % 3])
    for i in range(7)
]


def write_captions(file: Path, rows: list[CaptionRow]) -> None:
    images = [{"id": row["image_id"], "file_name": Path(row["path"]).name} for row in rows]
    pairs = [(row["image_id"], caption) for row in rows for caption in row["captions"]]
    annotations = [{"id": 9 * n, "image_id": pair[0], "caption": pair[1]} for n, pair in enumerate(pairs)]
    file.write_text(json.dumps({"images": images, "annotations": annotations}), encoding="utf-8")


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    """A small data set in the official layout."""
    (tmp_path / "annotations").mkdir()
    for split in ("train2017", "val2014"):
        (tmp_path / split).mkdir()
        write_captions(tmp_path / "annotations" / f"captions_{split}.json", ROWS)
    return tmp_path


def test_what_is_written_is_read(layout: Path) -> None:
    tables = CocoCaptions(str(layout), val="val2014").tables()
    assert list(tables) == ["train", "val"]
    for split, folder in (("train", "train2017"), ("val", "val2014")):
        assert tables[split].to_list() == [
            {**row, "path": str(layout / folder / Path(row["path"]).name)} for row in ROWS
        ]


def test_held_out_pictures_part_the_training_split(layout: Path) -> None:
    source = CocoCaptions(str(layout), val=2, test=1)
    ids = {split: rows["image_id"][:] for split, rows in source.tables().items()}
    assert {split: len(members) for split, members in ids.items()} == {"train": 4, "val": 2, "test": 1}
    assert sorted(image_id for members in ids.values() for image_id in members) == [
        row["image_id"] for row in ROWS
    ]
    assert all(members == sorted(members) for members in ids.values())
    assert ids == {split: rows["image_id"][:] for split, rows in source.tables().items()}
    # Those held out depend on nothing but the ids: neither on the order of the file nor on names.
    renamed = [CaptionRow(**{**row, "path": f"{row['image_id'] * 7 % 10}.png"}) for row in ROWS[::-1]]
    write_captions(layout / "annotations" / "captions_train2017.json", renamed)
    assert {split: sorted(rows["image_id"]) for split, rows in source.tables().items()} == ids
    with pytest.raises(UserError, match="8 pictures cannot be held out of the 7"):
        CocoCaptions(str(layout), val=5, test=3).tables()


@pytest.mark.parametrize("options", [{"train": None, "val": 3}, {"val": 0}])
def test_a_number_that_cannot_be_held_out_is_refused_at_once(options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"val=\d holds pictures out"):
        CocoCaptions("nowhere", **options)


def test_a_file_may_be_named_and_the_pictures_lie_elsewhere(layout: Path, tmp_path: Path) -> None:
    (tmp_path / "images" / "train").mkdir(parents=True)
    write_captions(tmp_path / "annotations" / "captions_train.json", ROWS)
    by_name = CocoCaptions(str(layout), train="train", val=None).tables()["train"]
    by_file = CocoCaptions(str(layout), train="annotations/captions_train.json", val=None).tables()["train"]
    assert by_name[0]["path"] == by_file[0]["path"] == str(tmp_path / "images" / "train" / "0.jpg")
    elsewhere = CocoCaptions(str(layout), val=None, images=str(tmp_path / "images")).tables()["train"]
    assert elsewhere[0]["path"] == str(tmp_path / "images" / "0.jpg")


def test_the_official_test_split_has_pictures_only(layout: Path) -> None:
    (layout / "test2014").mkdir()
    images = [{"id": 3, "file_name": "x.jpg"}]
    (layout / "annotations" / "image_info_test2014.json").write_text(json.dumps({"images": images}))
    rows = CocoCaptions(str(layout), train=None, val=None, test="test2014").tables()["test"]
    assert rows.to_list() == [{"image_id": 3, "path": str(layout / "test2014" / "x.jpg"), "captions": []}]


def test_odd_spaces_become_single_ones(tmp_path: Path) -> None:
    rows = [
        CaptionRow(image_id=1, path="é.jpg", captions=["a\ndog \u2028 on\tgrass ", " \n", "b\ud800 \u00a0c"])
    ]
    write_captions(tmp_path / "c.json", rows)
    assert read_coco(tmp_path / "c.json", tmp_path)[0] == {
        "image_id": 1,
        "path": str(tmp_path / "é.jpg"),
        "captions": ["a dog on grass", "b? c"],
    }


GOOD = {"images": [{"id": 1, "file_name": "a"}], "annotations": [{"id": 1, "image_id": 1, "caption": "c"}]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "holds a list, not an object"),
        ({**GOOD, "images": {}}, "no list 'images'"),
        ({"images": GOOD["images"]}, "no list 'annotations'"),
        (
            {**GOOD, "annotations": [{"id": 1, "image_id": 1, "bbox": []}]},
            r"annotations\[0\] needs 'caption' \(str",
        ),
        ({**GOOD, "images": [{"id": "one", "file_name": "a"}]}, r"images\[0\] needs 'id' \(int"),
        ({**GOOD, "images": GOOD["images"] * 2}, "two pictures have the same id"),
        ({**GOOD, "annotations": [{"id": 1, "image_id": 2, "caption": "c"}]}, "image_id 2 is not among"),
    ],
)
def test_another_shape_is_said(tmp_path: Path, content: object, message: str) -> None:
    (tmp_path / "c.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=message) as error:
        read_coco(tmp_path / "c.json", tmp_path)
    assert str(tmp_path / "c.json") in str(error.value)


def test_a_record_that_cannot_be_used_is_named_counted_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content: dict[str, Any] = {key: list(records) for key, records in GOOD.items()}
    content["images"] += [{"id": 2**63, "file_name": "b"}, {"id": 3, "file_name": None}, [[[[[[]]]]]]]
    content["annotations"] += [{"image_id": 1, "caption": 5}, {"image_id": float("nan"), "caption": "d"}]
    content["annotations"] += [{"image_id": 9, "caption": "e"}, {"image_id": 1, "caption": "f"}]
    (tmp_path / "c.json").write_text(json.dumps(content))
    assert [row["captions"] for row in read_coco(tmp_path / "c.json", tmp_path)] == [["c", "f"]]
    said = capsys.readouterr().err
    assert "c.json: 3 images are left out" in said
    assert "images[1] needs 'id' (int)" in said
    assert "c.json: 2 annotations are left out" in said
    assert "c.json: 1 captions are left out, the first of them:\n  image_id 9 is not among" in said


@pytest.mark.parametrize("name", ["no_ann_id", "str_id", "float_id"])
def test_ids_as_people_write_them(shared_data: Path, name: str) -> None:
    file = shared_data / "reported/coco" / f"{name}.json"
    content = json.loads(file.read_text())
    rows = read_coco(file, shared_data)
    assert rows["image_id"][:] == [int(float(image["id"])) for image in content["images"]]
    for image, captions in zip(content["images"], rows["captions"], strict=True):
        own = [one["caption"] for one in content["annotations"] if one["image_id"] == image["id"]]
        assert captions == own != []


def test_another_encoding_and_half_a_file_are_said(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_bytes('{"images": ["é"]}'.encode("latin-1"))
    with pytest.raises(UserError, match="not UTF-8 text \\(byte 13\\)"):
        read_coco(file, tmp_path)
    file.write_text('{"images": [')
    with pytest.raises(UserError, match=r"not JSON.*column 13.*complete"):
        read_coco(file, tmp_path)
    file.write_text("\ufeff" + json.dumps(GOOD), encoding="utf-8")
    assert len(read_coco(file, tmp_path)) == 1


def test_what_is_missing_is_named_with_where_to_get_it(layout: Path) -> None:
    with pytest.raises(UserError, match=r"captions_val2017\.json.*241 MB.*cocodataset.*val= "):
        CocoCaptions(str(layout)).tables()
    (layout / "train2017").rmdir()
    with pytest.raises(UserError, match=r"train2017\. .*18 GB.*cocodataset.*images="):
        CocoCaptions(str(layout), val=None).tables()


def test_pycocotools_takes_the_results(layout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    coco_tools = pytest.importorskip("pycocotools.coco")
    write_coco_results(layout / "r.json", {72: "two", 70: "zéro"})
    capsys.readouterr()
    table = CocoCaptions(str(layout), val=None).tables()["train"]
    assert capsys.readouterr().out == ""
    coco = coco_tools.COCO(str(layout / "annotations" / "captions_train2017.json"))
    results = coco.loadRes(str(layout / "r.json"))
    assert {entry["image_id"]: entry["caption"] for entry in results.anns.values()} == {70: "zéro", 72: "two"}
    for row in table.to_list():
        assert row["captions"] == [entry["caption"] for entry in coco.imgToAnns[row["image_id"]]]


def test_the_photographs_of_the_subset(shared_data: Path) -> None:
    tables = CocoCaptions(str(shared_data / "coco_subset"), val=None, test="val2014").tables()
    assert {split: len(rows) for split, rows in tables.items()} == {"train": 80, "test": 312}
    assert {split: sum(map(len, rows["captions"])) for split, rows in tables.items()} == {
        "train": 400,
        "test": 1561,
    }
    assert all(Path(path).is_file() for rows in tables.values() for path in rows["path"])


def test_a_complete_official_file(shared_data: Path) -> None:
    rows = read_coco(shared_data / "caption_metrics" / "captions_val2017.json", shared_data)
    assert len(rows) == len(set(rows["image_id"])) == 5000
    assert sum(map(len, rows["captions"])) == 25014
    assert not any("\n" in text or "  " in text for captions in rows["captions"] for text in captions)
