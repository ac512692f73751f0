"""What `check_questions` counts, against counts made by hand."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from captioner.data.checks.questions import check_questions
from captioner.data.questions.base import QuestionRow, QuestionSource, question_table
from captioner.data.questions.rows import question_row


class Made(QuestionSource):
    """Rows that are given."""

    def __init__(self, answers_are: Any = "annotator_answers", **rows: list[QuestionRow]) -> None:
        self.answers_are = answers_are
        self.rows = rows

    def tables(self) -> Mapping[str, Any]:
        return {split: question_table(rows) for split, rows in self.rows.items()}


def row(path: object, question: str, *people: str, choices: tuple[str, ...] = ()) -> QuestionRow:
    return question_row(0, 0, str(path), question, people, choices=choices)


def test_counts_and_guesses(tmp_path: Path) -> None:
    for name in "abc":
        Image.new("RGB", (7, 5), ("red", "blue", "green")["abc".index(name)]).save(tmp_path / f"{name}.png")
    a, b, c, gone = (tmp_path / f"{name}.png" for name in ("a", "b", "c", "gone"))
    train = [
        row(a, "What is it?", *["cat"] * 10, choices=("cat", "dog")),
        row(a, "what is it?", *["dog"] * 10, choices=("cat", "cow")),
        row(b, "What is it?", *["dog"] * 10),
        row(gone, "How many cats?", *["2"] * 10),
        row(gone, "How many?"),
        row(gone, "What colour?", *["red"] * 10),
        row(gone, "What colour?", *["red"] * 10),
        row(gone, "What colour?", *["red"] * 10),
    ]
    val = [
        row(c, "WHAT is it?", *["dog"] * 8, *["cat"] * 2),
        row(c, "How many dogs?", *["3"] * 9, "2"),
        row(c, "Is it?", *["yes"] * 10),
    ]
    report = check_questions(Made(train=train, val=val), min_count=2, num_answers=2)
    # train: what, is, it, colour 3 times or more, how, many twice; cats once.
    assert (report.vocabulary_size, report.words_dropped, report.num_answers) == (6, 1, 2)
    split = report.splits["train"]
    assert (split.pictures.number, split.pictures.missing) == (3, [str(gone)])
    assert (split.questions, split.unanswered, split.unoffered, split.answers) == (8, 1, 1, 4)
    assert split.listed == pytest.approx(5 / 7)  # red, dog
    assert split.guessed == pytest.approx((0 + 1 + 1 + 1 + 3) / 7)
    assert split.coverage == pytest.approx(19 / 20)
    assert split.questions_per_image == (1, 2, pytest.approx(8 / 3), 5, 5)
    assert split.words_per_question == (2, 2, pytest.approx(20 / 8), 3, 3)
    assert split.answer_types == {"other": 6 / 7, "number": 1 / 7}
    other = report.splits["val"]
    # dog to the same words; 2 to other ones of the type how; red, the most common of all, to a new type.
    assert other.guessed == pytest.approx((1 + 0.3 + 0) / 3)
    assert other.listed == pytest.approx(1 / 3)
    lines = str(report).splitlines()
    assert lines[0].split() == ["train", "val"]
    assert "  whose answer is not among their choices".ljust(57) + "1".rjust(26) + "0".rjust(26) in lines
    assert "train: missing pictures: 1" in lines


def test_sets_and_an_empty_split(tmp_path: Path) -> None:
    train = [row(tmp_path, "what is it", "book", "lamp"), row(tmp_path, "what is that", "lamp")]
    train[0]["answer"] = "book, lamp"
    test = [row(tmp_path, "what is it", "lamp", "book")]
    report = check_questions(Made("set", train=train, test=test, val=[]), 1, 10)
    assert report.splits["test"].guessed == 1
    assert report.splits["val"].guessed == report.splits["val"].listed == 0
    assert "accuracy of answer sets" in str(report)
