"""Every source of questions reads its files, or says in a sentence what is wrong with them."""

import json
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from captioner.data.checks.questions import check_questions
from captioner.data.questions.base import QUESTION_SOURCES
from captioner.data.questions.choices import questions_by_path
from fuzz.damage import damaged_bytes, damaged_json, damaged_lines, damaged_table, works_or_says_why, written

IDS = [{"question_id": 10 * n, "image_id": n // 2} for n in range(4)]
CHOICES = ["red", "blue", "yes"]
QUESTIONS = {"questions": [{**ids, "question": "What?", "multiple_choices": CHOICES} for ids in IDS]}
KINDS = {"question_type": "what is", "answer_type": "other", "multiple_choice_answer": "red"}
ANSWERS = [{"answer": "red", "answer_id": n} for n in range(3)]
ANNOTATIONS = {"annotations": [{**ids, **KINDS, "answers": ANSWERS} for ids in IDS]}
PAIR = {"question": "Which?", "type": "which", "answer": "A dog.", "multiple_choices": ["A cat.", "A cow."]}
TELLING = {
    "images": [
        {"image_id": n, "filename": f"{n}.png", "split": split, "qa_pairs": [{**PAIR, "qa_id": n}]}
        for n, split in enumerate(["train", "val", "test"])
    ]
}
BOX = {"x": 1, "y": 2, "width": 3, "height": 4}
POINTED = [{**PAIR, "qa_id": n, "answer": 1, "multiple_choices": [2, 3]} for n in range(3)]
POINTING = {
    "images": [{"image_id": 1, "filename": "1.png", "split": "train", "qa_pairs": POINTED}],
    "boxes": [{**BOX, "box_id": n} for n in range(1, 4)],
}
DAQUAR = [{"question": "what is it", "image": f"image{n}.png", "answers": ["red", "cup"]} for n in range(4)]
DAQUAR_TEXT = "".join(f"what is on the desk in the image{n} ?\nbook, cup\n" for n in range(4))
TABLE = [["image", "question", "answer", "split"], *([f"{n}.png", "What?", "red", "train"] for n in range(4))]
RECORDS = [dict(zip(TABLE[0], row, strict=True)) for row in TABLE[1:]]


class Case(NamedTuple):
    """A file of a source, its damaged forms, and the options to read it with."""

    file: str
    contents: st.SearchStrategy[bytes]
    options: dict[str, Any]


NAME = "{}mscoco_train2014_{}.json"
VQA = {"name": "vqa", "folder": ".", "val": None}
CHOSEN = {**VQA, "version": "v1", "multiple_choice": True}
DAQUAR_OPTIONS = {"name": "daquar", "folder": ".", "num_val": 1, "num_test": 1}
VISUAL7W = {"name": "visual7w", "file": "d.json", "images": "."}
CASES = [
    Case(NAME.format("v2_OpenEnded_", "questions"), damaged_json(QUESTIONS), VQA),
    Case(NAME.format("MultipleChoice_", "questions"), damaged_json(QUESTIONS), CHOSEN),
    Case(NAME.format("v2_", "annotations"), damaged_json(ANNOTATIONS), VQA),
    Case("d.json", damaged_json(TELLING), VISUAL7W),
    Case("d.json", damaged_json(POINTING), VISUAL7W),
    Case("daquar_train.json", damaged_json(DAQUAR), DAQUAR_OPTIONS),
    Case("qa.37.raw.train.txt", damaged_bytes(DAQUAR_TEXT.encode()), DAQUAR_OPTIONS),
    Case("questions.csv", damaged_table(TABLE), {"name": "folder", "folder": "."}),
    Case("questions.jsonl", damaged_lines(RECORDS), {"name": "folder", "folder": "."}),
]
OTHERS = {"scenes", "visual7w_scenes", "huggingface"}  # drawn, or read by `datasets`


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder with the other files that a source needs, and a picture."""
    monkeypatch.chdir(tmp_path)
    for folder in ("images", "train2014"):
        (tmp_path / folder).mkdir()
    for name in ("0.png", "images/image0.png", "train2014/COCO_train2014_000000000000.jpg"):
        Image.new("RGB", (3, 4)).save(tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.file)
def test_questions(home, case):
    if case.options["name"] == "vqa":
        for version, task in (("v2_", "v2_OpenEnded_"), ("", "MultipleChoice_")):
            written(home, NAME.format(task, "questions"), json.dumps(QUESTIONS).encode())
            written(home, NAME.format(version, "annotations"), json.dumps(ANNOTATIONS).encode())

    def use():
        source = QUESTION_SOURCES.build(case.options)
        check_questions(source, 1, 5)
        for rows in source.tables().values():
            questions_by_path(rows)

    @given(content=case.contents)
    def check(content):
        written(home, case.file, content)
        works_or_says_why(use)

    check()


def test_every_source_is_here():
    assert {case.options["name"] for case in CASES} | OTHERS == set(QUESTION_SOURCES)
