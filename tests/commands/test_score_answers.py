"""`score_answers` on files: what is printed, written and refused."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from captioner.commands import main
from captioner.metrics.answers import answer_sets

PEOPLE = {
    7: ["yes"] * 10,
    3: ["no"] * 8 + ["yes"] * 2,
    5: ["2"] * 7 + ["two dogs"] * 3,
}
SAID = {3: "Yes!", 5: "The two dogs.", 7: "Yes"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_results(SAID)
    kinds = {7: ("is the", "yes/no"), 3: ("is the", "yes/no"), 5: ("how many", "number")}
    annotations = [
        {
            "question_id": key,
            "image_id": 1,
            "question_type": kinds[key][0],
            "answer_type": kinds[key][1],
            "answers": [{"answer": text, "answer_id": number} for number, text in enumerate(people)],
        }
        for key, people in PEOPLE.items()
    ]
    Path("annotations.json").write_text(json.dumps({"annotations": annotations}))
    questions: list[dict[str, Any]] = [
        {"question_id": key, "image_id": 1, "question": f"what is {key}?"} for key in PEOPLE
    ]
    questions[1]["multiple_choices"] = ["Yes!", "no"]
    Path("questions.json").write_text(json.dumps({"questions": questions}))
    return tmp_path


def write_results(said: dict[int, str]) -> None:
    results = [{"question_id": key, "answer": answer} for key, answer in said.items()]
    Path("r.json").write_text(json.dumps(results))


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    main("score_answers", list(words))
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main("score_answers", list(words))
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_table_rules_and_explanations(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["r.json", "annotations.json", "--questions", "questions.json", "--explain", "5", "7"]
    lines = [line.split() for line in printed(capsys, *words).splitlines()]
    assert ["3", "questions", "official", "lenient", "pre_2021"] in lines
    # 5: "2 dogs" of three of ten people, 90, but not before 2021, when theirs stayed "two dogs".
    assert ["all", "50.00", "83.33", "53.33"] in lines
    assert ["yes/no", "(2)", "30.00", "80.00", "80.00"] in lines
    assert ["how", "many", "(1)", "90.00", "90.00", "0.00"] in lines
    assert ["periods", "1", "1"] in lines
    assert ["punctuation", "1", "1"] in lines
    assert ["letter", "case", "2", "2"] in lines
    assert ["as", "written", "where", "all", "people", "agree", "1", "1"] in lines
    assert ["question", "5:", "what", "is", "5?"] in lines
    assert ["articles", "'2", "dogs'"] in lines
    assert ["compared", "'2", "dogs'", "with", "'2'", "x", "7,", "'2", "dogs'", "x", "3"] in lines
    assert ["without", "articles:", "0.00"] in lines
    assert ["accuracy", "0.00,", "lenient", "100.00"] in lines


def test_files_that_are_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(printed(capsys, "r.json", "annotations.json", "--json", "--output", "there"))
    assert found == json.loads(Path("there/results.json").read_text())
    assert found["scores"]["official"] == {
        "overall": 50.0,
        "per_question_type": {"how many": 90.0, "is the": 30.0},
        "per_answer_type": {"number": 90.0, "yes/no": 30.0},
    }
    assert found["questions"] == 3
    with Path("there/per_question.csv").open(newline="") as file:
        rows = {row["question_id"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["7", "3", "5"]
    assert (rows["5"]["answer"], rows["5"]["compared"]) == ("The two dogs.", "2 dogs")
    assert (rows["5"]["official"], rows["5"]["pre_2021"]) == ("90.0", "0.0")
    assert rows["5"]["changed_by"] == "periods; letter case; number words; articles"
    assert (rows["7"]["compared"], rows["7"]["changed_by"], rows["7"]["lenient"]) == ("Yes", "", "100.0")


def test_mistakes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no question 8 in annotations.json" in refused(
        capsys, "r.json", "annotations.json", "--explain", "8"
    )
    write_results({3: "Yes!", 7: "yes"})
    assert "has no answer to 1 of the 3 questions" in refused(capsys, "r.json", "annotations.json")
    write_results(SAID | {3: "maybe"})
    said = refused(capsys, "r.json", "annotations.json", "--questions", "questions.json")
    assert "the answer to question_id 3, 'maybe', is not among its 2 choices" in said
    Path("said.txt").write_text("a\n")
    assert "which ends in .json" in refused(capsys, "said.txt", "said.txt", "--explain", "1")
    Path("right.txt").write_text("a\nb\n")
    assert "said.txt has 1 lines, right.txt 2" in refused(capsys, "said.txt", "right.txt")
    Path("right.txt").write_text(" , \n")
    assert "Nobody answered question 1" in refused(capsys, "said.txt", "right.txt")


def test_answer_sets(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("said.txt").write_text("lamp,book\ndesk\n\nlamp\n")
    Path("right.txt").write_text("book, lamp\ntable\nbed\nlamp\n")
    monkeypatch.setattr(
        "captioner.evaluation.answer_files.wordnet_similarity", lambda: lambda word, other: 0.5
    )
    found = json.loads(printed(capsys, "said.txt", "right.txt", "--json"))
    assert found == {
        "questions": 4,
        "accuracy of answer sets": 50.0,
        "WUPS at 0.9": 51.25,
        "WUPS at 0.0": 62.5,
    }
    monkeypatch.setattr("captioner.evaluation.answer_files.wordnet_similarity", lambda: None)
    said = printed(capsys, "said.txt", "right.txt")
    assert "accuracy of answer sets                50.00" in said
    assert "WUPS at" not in said
    assert answer_sets.NO_WORDNET in said
