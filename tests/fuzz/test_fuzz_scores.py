"""Files of captions and answers are scored, or a sentence says what is wrong with them."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout

import pytest
from hypothesis import given

from captioner.commands import main
from fuzz.damage import damaged_bytes, damaged_json, damaged_lines, damaged_table, written

SAID = [{"image_id": n, "caption": f"a dog {n}"} for n in range(3)]
COCO = {"images": [{"id": n} for n in range(3)], "annotations": SAID * 2}
TABLE = [["image_id", "caption"], *([str(n), f"a dog {n}"] for n in range(3))]
N_BEST = [{"image": n, "captions": [{"caption": "a dog"}, {"caption": "a cat"}]} for n in range(3)]
TOKENS = b"0#0\ta dog 0\n1#0\ta dog 1\n2#0\ta dog 2\n"
CAPTIONS = {
    "s.json": damaged_json(SAID),
    "coco.JSON": damaged_json(COCO),
    "s.jsonl": damaged_lines(SAID),
    "best.jsonl": damaged_lines(N_BEST),
    "s.csv": damaged_table(TABLE),
    "s.tsv": damaged_table(TABLE, "\t"),
    "s.txt": damaged_bytes(TOKENS),
}
RESULTS = [{"question_id": n, "answer": "red"} for n in range(3)]
ABOUT = {"image_id": 1, "question_type": "what", "answer_type": "other"}
ANNOTATIONS = {
    "annotations": [{"question_id": n, **ABOUT, "answers": [{"answer": "red"}] * 3} for n in range(3)]
}
QUESTIONS = {"questions": [{"question_id": n, "image_id": 1, "question": "What?"} for n in range(3)]}
OPTIONS = ["--resamples", 2, "--partial", "--tokenizer", "python"]
ANSWERS = {
    "r.json": damaged_json(RESULTS),
    "a.json": damaged_json(ANNOTATIONS),
    "q.json": damaged_json(QUESTIONS),
}


def score(*words):
    """Run a command: it ends well, or with a sentence and exit status 2."""
    said, status = io.StringIO(), 0
    with redirect_stdout(io.StringIO()), redirect_stderr(said):
        try:
            main(words[0], [str(word) for word in words[1:]])
        except SystemExit as exit_:
            status = exit_.code
    assert status in (0, 2)
    assert status == 0 or said.getvalue().splitlines()[-1].startswith(f"scripts/{words[0]}.py: ")


@pytest.fixture
def home(tmp_path):
    for name, content in {
        "t.json": SAID,
        "r.json": RESULTS,
        "a.json": ANNOTATIONS,
        "q.json": QUESTIONS,
    }.items():
        written(tmp_path, name, json.dumps(content).encode())
    return tmp_path


@pytest.mark.parametrize("name", CAPTIONS)
@pytest.mark.parametrize("role", ["candidates", "references"])
def test_captions(home, name, role):
    files = [home / name, home / "t.json"] if role == "candidates" else [home / "t.json", home / name]

    @given(content=CAPTIONS[name])
    def check(content):
        written(home, name, content)
        score(
            "score", *files, "--resamples", 2, "--partial", "--tokenizer", "python", "--output", home / "out"
        )

    check()


@pytest.mark.parametrize("name", ANSWERS)
def test_answers(home, name):
    files = [home / "r.json", home / "a.json", "--questions", home / "q.json"]

    @given(content=ANSWERS[name])
    def check(content):
        written(home, name, content)
        score("score_answers", *files, "--output", home / "out")

    check()


def test_answer_sets(home):
    written(home, "right.txt", b"book, cup\nred\n")

    @given(content=damaged_bytes(b"cup, book\nblue\n"))
    def check(content):
        written(home, "said.txt", content)
        score("score_answers", home / "said.txt", home / "right.txt")
        score("score_answers", home / "right.txt", home / "said.txt")

    check()
