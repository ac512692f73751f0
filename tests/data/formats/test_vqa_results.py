"""Results files: the checks of the official loader, and what it lets pass."""

import json
from pathlib import Path
from typing import Any

import pytest

from captioner.data.formats.vqa_results import check_vqa_results, read_vqa_results, write_vqa_results
from captioner.errors import UserError

SAID = {42: "yes", 7: "two\nred dogs", 9: "\ud83d"}


def test_what_is_written_is_read_and_has_the_official_form(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    write_vqa_results(file, SAID)
    assert read_vqa_results(file) == SAID
    content = json.loads(file.read_text())
    assert type(content) is list
    assert content == [{"question_id": key, "answer": answer} for key, answer in SAID.items()]


def test_ids_as_people_write_them(tmp_path: Path) -> None:
    results = [{"question_id": written, "answer": "a"} for written in ("1", 2.0, 3)]
    (tmp_path / "r.json").write_text(json.dumps(results))
    assert list(read_vqa_results(tmp_path / "r.json")) == [1, 2, 3]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"results": []}, "not a VQA results file: it holds a dict, not a list"),
        ([{"question_id": 1}], r"\[0\] needs 'answer' \(str\)"),
        ([{"question_id": 2**63, "answer": "a"}], r"\[0\] needs 'question_id' \(int\)"),
        ([{"question_id": "one", "answer": "a"}], r"\[0\] needs 'question_id' \(int\)"),
        ([{"question_id": 1, "answer": 2}], r"\[0\] needs 'answer' \(str\)"),
        ([{"question_id": k, "answer": "a"} for k in (1, 2, 2)], "question_id 2 is there more than once"),
    ],
)
def test_a_wrong_form_is_said(tmp_path: Path, content: Any, message: str) -> None:
    (tmp_path / "r.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=message):
        read_vqa_results(tmp_path / "r.json")


def test_every_question_and_no_other_and_only_what_is_offered() -> None:
    file, other = Path("r.json"), Path("q.json")
    asked: dict[int, dict[str, Any]] = {42: {}, 7: {}, 9: {}}
    check_vqa_results(file, SAID, other, asked)
    with pytest.raises(
        UserError, match=r"r.json has no answer to 2 of the 5 questions of q.json, such as .*3"
    ):
        check_vqa_results(file, SAID, other, asked | {3: {}, 5: {}})
    with pytest.raises(UserError, match=r"r.json answers 1 questions that are not in q.json, such as .*9"):
        check_vqa_results(file, SAID, other, {42: {}, 7: {}})
    choices = {"multiple_choices": ["no", "Yes", "yes"]}
    check_vqa_results(file, SAID, other, asked | {42: choices})
    with pytest.raises(
        UserError, match=r"question_id 42, 'yes', is not among its 2 choices. Did you mean Yes"
    ):
        check_vqa_results(file, SAID, other, asked | {42: {"multiple_choices": ["no", "Yes"]}})
