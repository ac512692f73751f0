"""A folder with captions.csv or .jsonl: as Python's csv writes it, and as people get it wrong."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from captioner.data.captions.folder import CaptionedFolder
from captioner.errors import UserError

CAPTIONS = ['A dog, "Rex".', "One\nline", " é  è ", "x" * 200]


def read(folder: Path, **options: Any) -> dict[str, list[dict[str, Any]]]:
    return {split: rows.to_list() for split, rows in CaptionedFolder(str(folder), **options).tables().items()}


def write(folder: Path, text: str, name: str = "captions.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder


def test_csv_as_the_csv_module_writes_it(tmp_path: Path) -> None:
    with (tmp_path / "captions.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)  # ends lines by CRLF
        writer.writerow([" caption", "image ", "split"])
        writer.writerows([text, "sub/a b.jpg", "dev"] for text in CAPTIONS)
        writer.writerow(["", "./c.jpg", "train"])
        writer.writerow(["late", "sub/../sub/a b.jpg", "validation"])
    assert read(tmp_path) == {
        "train": [{"image_id": 1, "path": str(tmp_path / "c.jpg"), "captions": []}],
        "val": [
            {
                "image_id": 0,
                "path": str(tmp_path / "sub" / "a b.jpg"),
                "captions": ['A dog, "Rex".', "One line", "é è", "x" * 200, "late"],
            }
        ],
    }


def test_jsonl_and_csv_say_the_same(tmp_path: Path) -> None:
    lines = [{"image": f"{number}.jpg", "caption": CAPTIONS[: number % 4]} for number in range(40)]
    (tmp_path / "json").mkdir()
    (tmp_path / "csv").mkdir()
    write(tmp_path / "json", "\n\n".join(json.dumps(line) for line in lines), "captions.jsonl")
    with (tmp_path / "csv" / "captions.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "caption"])
        writer.writerows([line["image"], text] for line in lines for text in line["caption"] or [" "])
    expected = {
        split: [{**row, "path": row["path"].replace("/json/", "/csv/")} for row in rows]
        for split, rows in read(tmp_path / "json").items()
    }
    assert read(tmp_path / "csv") == expected
    one = write(tmp_path / "json", '{"image": "a", "caption": "b", "split": "test"}', "captions.jsonl")
    assert read(one)["test"][0]["captions"] == ["b"]


def splits_of(folder: Path, names: list[str], **options: Any) -> dict[str, str]:
    write(folder, "image,caption\n" + "".join(f"{name},text\n" for name in names))
    return {Path(row["path"]).name: split for split, rows in read(folder, **options).items() for row in rows}


def test_the_hash_gives_each_split_its_share_and_adding_moves_nobody(tmp_path: Path) -> None:
    names = [f"photo {number}.jpg" for number in range(2000)]
    before = splits_of(tmp_path, names[:1000], val_fraction=0.2, test_fraction=0.05)
    after = splits_of(tmp_path, names[::-1], val_fraction=0.2, test_fraction=0.05)
    assert before == {name: after[name] for name in names[:1000]}
    counts = {split: list(after.values()).count(split) for split in ("train", "val", "test")}
    # Four standard deviations of 2000 draws.
    assert counts == {
        "train": pytest.approx(1500, abs=78),
        "val": pytest.approx(400, abs=72),
        "test": pytest.approx(100, abs=39),
    }


def test_fractions_of_nothing_leave_everything_to_train(tmp_path: Path) -> None:
    assert set(splits_of(tmp_path, ["a", "b"], val_fraction=0, test_fraction=0).values()) == {"train"}
    with pytest.raises(UserError, match="none of its 2 pictures fell to"):
        splits_of(tmp_path, ["a", "b"])


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (-0.1, 0.1)])
def test_fractions_that_leave_nothing_are_refused_at_once(fractions: tuple[float, float]) -> None:
    with pytest.raises(UserError, match="must be shares"):
        CaptionedFolder("nowhere", *fractions)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "column 'image' is missing"),
        ("image,caption\n", "names no picture"),
        ("image;caption\na;b\n", "no column 'image;caption'"),
        ("image,captoin\na,b\n", "no column 'captoin'. Did you mean caption"),
        ("image,split\na,train\n", "column 'caption' is missing"),
        ("image,caption\na,b\nc,d, e\n", "line 3 has 3 values instead of 2.*in quotes"),
        ('image,caption\na,"b\nc,d\n', "line 3 is not CSV"),
        ("image,caption\n  ,b\n", "line 2 names no image"),
        ("image,caption,split\na,b,train\na,c,test\n", "line 3: a has split test, but train"),
        ("image,caption,split\na,b,tran\n", "line 2: the split is 'tran'. Did you mean train"),
        ("image,caption,split\na,b,\n", "line 2: the split is ''"),
    ],
)
def test_a_wrong_csv_is_said(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(write(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"image": "a", "caption": "b"}\n{"image": ', "line 2 is not JSON"),
        ("[1]", "line 1 is not a JSON object"),
        ('{"image": "a"}', "line 1: the column 'caption' is missing"),
        ('\n{"file": "a", "caption": "b"}', "line 2: there is no column 'file'"),
        ('{"image": "a", "caption": 3}', "line 1: the caption is 3"),
        ('{"image": "a", "caption": ["b", null]}', r"line 1: the caption is \['b', None\]"),
        ('{"image": "a", "caption": "b", "split": ["val"]}', "line 1: the split is"),
        (
            '{"image": "a", "caption": "b", "split": "test"}\n{"image": "c", "caption": "d"}',
            "c has no split, other pictures have",
        ),
    ],
)
def test_a_wrong_jsonl_is_said(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(write(tmp_path, text, "captions.jsonl"))


def test_one_file_is_needed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds neither captions\.csv nor captions\.jsonl"):
        read(tmp_path)
    write(tmp_path, "", "captions.jsonl")
    with pytest.raises(UserError, match=r"holds captions\.csv and captions\.jsonl"):
        read(write(tmp_path, ""))
