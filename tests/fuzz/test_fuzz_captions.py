"""Every source of captions reads its files, or says in a sentence what is wrong with them."""

from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from captioner.data.captions.base import CAPTION_SOURCES
from captioner.data.checks.captions import check_captions
from fuzz.damage import damaged_bytes, damaged_json, damaged_lines, damaged_table, works_or_says_why, written

NAMES = [f"{number}.png" for number in range(6)]
SPLITS = ["train", "val", "test", "train", "val", "test"]
COCO = {
    "images": [{"id": number, "file_name": name} for number, name in enumerate(NAMES)],
    "annotations": [{"id": n, "image_id": n % 6, "caption": f"A dog {n}."} for n in range(8)],
}
KARPATHY = {
    "images": [
        {"imgid": n, "filename": name, "split": split, "sentences": [{"raw": f"A dog {n}."}]}
        for n, (name, split) in enumerate(zip(NAMES, SPLITS, strict=True))
    ]
}
TABLE = [["image", "caption", "split"], *([n, "A dog.", s] for n, s in zip(NAMES, SPLITS, strict=True))]
RECORDS = [dict(zip(TABLE[0], row, strict=True)) for row in TABLE[1:]]
KAGGLE = [["image_name", " comment_number", " comment"], *([n, " 0", " A dog ."] for n in NAMES)]
FLICKR = "".join(f"{name}#0\tA dog .\n" for name in NAMES)


class Case(NamedTuple):
    """A file of a source, its damaged forms, and the options to read it with."""

    file: str
    contents: st.SearchStrategy[bytes]
    options: dict[str, Any]


FOLDER = {"name": "folder", "folder": "."}
WHOLE = {**FOLDER, "val_fraction": 0, "test_fraction": 0}  # few pictures, and no split written
CASES = [
    Case("c.json", damaged_json(COCO), {"name": "coco", "folder": ".", "train": "c.json", "val": None}),
    Case("c.json", damaged_json(COCO), {"name": "coco", "folder": ".", "train": "c.json", "val": 2}),
    Case("c.json", damaged_json(KARPATHY), {"name": "karpathy", "file": "c.json", "images": "."}),
    Case("captions.csv", damaged_table(TABLE), FOLDER),
    Case("captions.jsonl", damaged_lines(RECORDS), FOLDER),
    Case("captions.txt", damaged_table([row[:2] for row in TABLE]), WHOLE),
    Case("results.csv", damaged_table(KAGGLE, "|"), WHOLE),
    Case("0.txt", damaged_bytes(b"A dog.\nTwo dogs.\n"), WHOLE),
    Case("Flickr8k.token.txt", damaged_bytes(FLICKR.encode()), {"name": "flickr8k", "folder": "."}),
    Case(
        "Flickr_8k.trainImages.txt",
        damaged_bytes("\n".join(NAMES).encode()),
        {"name": "flickr8k", "folder": "."},
    ),
]
OTHERS = {"scenes", "shards", "huggingface"}
"""Drawn; cut at every block by its own tests; read by `datasets`, whose JSON parser a deep file ends."""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder with pictures; of the form of each source as far as two do not differ."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    for folder in (tmp_path, tmp_path / "images"):
        for name in NAMES[:2]:
            Image.new("RGB", (3, 4)).save(folder / name)
    return tmp_path


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.options['name']}-{case.file}")
def test_captions(home, case):
    if case.options["name"] == "flickr8k":
        written(home, "Flickr8k.token.txt", FLICKR.encode())
        written(home, "Flickr_8k.testImages.txt", NAMES[0].encode())

    @given(content=case.contents)
    def check(content):
        written(home, case.file, content)
        works_or_says_why(lambda: check_captions(CAPTION_SOURCES.build(case.options), 1))

    check()


def test_every_source_is_here():
    assert {case.options["name"] for case in CASES} | OTHERS == set(CAPTION_SOURCES)
