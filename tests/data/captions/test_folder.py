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
        ("image,captoin\na,b\n", "column 'caption' is missing. Did you mean captoin"),
        ("image,split\na,train\n", "column 'caption' is missing"),
        ("image,caption\nc,d, e\n", "line 2: it has 3 values instead of 2.*in quotes"),
        ('image,caption\na,"b\nc,d\n', "line 3 is not CSV: a quote is never closed"),
        ("image,caption\n  ,b\n", "line 2 names no image"),
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
        ('{"image": ', "line 1: it is not JSON"),
        ("[" * 99999, "line 1: it cannot be read: its brackets are nested too deeply"),
        (f'{{"image": {"1" * 5000}}}', "line 1: it cannot be read: it has a number with thousands of digits"),
        ("[1]", "line 1: it is not a JSON object"),
        ('{"image": "a"}', "line 1: the column 'caption' is missing"),
        ('\n{"file": "a", "caption": "b"}', "line 2: the column 'image' is missing"),
        ('{"image": 5, "caption": "b"}', "line 1 names no image"),
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


def test_lines_that_cannot_be_used_are_named_counted_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = ['b,"x"y,train', "b,one,two,x,y,train", "a,late,test", "b,c,tran", ",c,train", ",,", "b,c"]
    lines = ["image,caption,split,,id", "a,one,train,,1", *(f"{line},," for line in wrong), "d,two,val,,"]
    tables = read(write(tmp_path, "\n".join(lines)))
    assert {split: [row["captions"] for row in rows] for split, rows in tables.items()} == {
        "train": [["one"]], "val": [["two"]],
    }  # fmt: skip
    said = capsys.readouterr().err.splitlines()
    assert said[0].endswith("captions.csv: 7 lines are left out, the first of them:")
    assert said[1:6] == [
        "  line 3: it is not CSV: ',' expected after '\"'.",
        '  line 4: it has 8 values instead of 5; a text with a comma is written in quotes: "One, two".',
        "  line 5: a has split test, but train on an earlier line",
        "  line 6: the split is 'tran'. Did you mean train? There are: dev, test, train, val, validation.",
        "  line 7 names no image.",
    ]
    assert said[6].endswith("captions.csv: columns that are not used: '', 'id'")


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_separators(tmp_path: Path, separator: str) -> None:
    lines = [["image", "caption", "split"], ["a.jpg", "one, two", "test"]]
    text = "\n".join(separator.join(line) for line in lines)
    assert read(write(tmp_path, text))["test"][0]["captions"] == ["one, two"]


def test_one_file_is_needed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds neither captions\.csv nor captions\.jsonl"):
        read(tmp_path)
    write(tmp_path, "", "CAPTIONS.JSONL")
    with pytest.raises(UserError, match=r"holds captions\.csv and CAPTIONS\.JSONL"):
        read(write(tmp_path, ""))


def rows_by_image(folder: Path) -> dict[str, list[str]]:
    options = {"val_fraction": 0.2, "test_fraction": 0.2}
    return {
        Path(row["path"]).name: row["captions"] for own in read(folder, **options).values() for row in own
    }


REPORTED = {
    "trailing_commas__captions.csv": ("captions.csv", "2 lines are left out", "''"),
    "blank_rows__captions.csv": ("captions.csv", "2 lines are left out", ""),
    "index_column__captions.csv": ("captions.csv", "", "''"),
    "kaggle_flickr8k__captions.txt": ("captions.txt", "", ""),
    "kaggle_flickr30k__results.csv": ("results.csv", "", "'comment_number'"),
}


@pytest.mark.parametrize("name", REPORTED)
def test_tables_as_people_have_them(
    shared_data: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file, left_out, unused = REPORTED[name]
    write(tmp_path, (shared_data / "reported/tables" / name).read_text(), file)
    times = 2 if "30k" in name else 1
    colours = ("red", "blue", "green", "yellow")
    assert rows_by_image(tmp_path) == {
        f"p{n:03}.jpg": [f"a {colours[n % 4]} card number {n % 7} on the table"] * times for n in range(40)
    }
    said = capsys.readouterr().err
    assert left_out in said
    assert ("left out" in said) == bool(left_out)
    assert ("not used" in said) == bool(unused)
    assert unused in said
    assert "no split is written" in said


def test_kaggles_flickr30k_with_its_broken_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["image_name| comment_number| comment"]
    lines += [f'{n}.jpg| {k}| Its 3" wheel, {n} .' for n in range(30) for k in range(5)]
    lines[20] = "3.jpg| 4   A dog runs across the grass ."
    (tmp_path / "flickr30k_images").mkdir()
    (tmp_path / "flickr30k_images/7.jpg").touch()
    found = rows_by_image(write(tmp_path, "\n".join(lines), "results.csv"))
    assert found == {f"{n}.jpg": [f'Its 3" wheel, {n} .'] * (4 if n == 3 else 5) for n in range(30)}
    assert "1 lines are left out, the first of them:\n  line 21: it has 2 values" in capsys.readouterr().err
    paths = {row["path"] for rows in read(tmp_path).values() for row in rows}
    assert all(Path(path).parent == tmp_path / "flickr30k_images" for path in paths)


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl"])
def test_an_imagefolder_has_captions(tmp_path: Path, name: str) -> None:
    pairs = {f"{n}.png": [f"text {n}"] for n in range(30)}
    lines = [json.dumps({"file_name": image, "text": text}) for image, (text,) in pairs.items()]
    table = "file_name,text\n" + "".join(f"{image},{text}\n" for image, (text,) in pairs.items())
    write(tmp_path, table if name.endswith("csv") else "\n".join(lines), name)
    assert rows_by_image(tmp_path) == pairs


def test_a_text_beside_each_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = {}
    (tmp_path / "deep").mkdir()
    for n in range(30):
        expected[f"p{n}.jpg"] = [f"one {n}", "two"] if n % 2 else [f"three {n}"]
        (tmp_path / "deep" / f"p{n}.jpg").touch()
        write(tmp_path / "deep", "\r\n".join(expected[f"p{n}.jpg"]) + "\n\n", f"p{n}.txt")
    write(tmp_path, "of no picture", "readme.txt")
    (tmp_path / "bare.png").touch()
    (tmp_path / "latin.png").touch()
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    assert rows_by_image(tmp_path) == expected | {"bare.png": []}
    said = capsys.readouterr().err
    assert "1 pictures are left out, the first of them:\n" in said
    assert "latin.txt is not UTF-8 text" in said
