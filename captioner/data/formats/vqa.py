"""Read the official files of VQA v1 and v2, questions and annotations, and any files of their format.

questions    `questions`: image_id, question_id, question; in multiple choice multiple_choices too
annotations  `annotations`: the same ids, question_type, answer_type, multiple_choice_answer, and `answers`,
             ten of them: answer, answer_confidence, answer_id
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from captioner.data.questions.base import QuestionRow
from captioner.data.questions.rows import question_row
from captioner.data.records import Record, checked_record, read_each, read_lists, report_left_out
from captioner.errors import UserError, quotation

_IDS: dict[str, type] = {"question_id": int, "image_id": int}


def read_vqa(questions: Path, annotations: Path | None, pictures: Path, name: str) -> list[QuestionRow]:
    """Read the questions of a split; without annotations they have no answers.

    Args:
        questions: a file of questions, open-ended or multiple choice.
        annotations: the annotators' answers, for exactly these questions.
        pictures: the folder of the images.
        name: file name of an image by its id: `COCO_val2014_{:012d}.jpg`.

    Returns:
        Rows in the order of the questions.

    Raises:
        UserError: a file is missing or not of the form, an id is there twice, or no question is in both; a
            question that is in one alone is named, counted and left out.
    """
    asked = read_questions(questions)
    answered = read_annotations(annotations) if annotations else None
    if annotations and answered is not None:
        asked = _match(questions, asked, annotations, answered)
    return [
        _row(
            question,
            answered[question_id] if answered else None,
            os.path.join(pictures, name.format(question["image_id"])),
        )
        for question_id, question in asked.items()
    ]


def read_questions(file: Path) -> dict[int, Record]:
    """Read a file of questions.

    Args:
        file: the JSON file.

    Returns:
        Its entries by question id; those that are not of the form are named, counted and left out.

    Raises:
        UserError: the file is missing or not of the form, or an id is there twice.
    """
    return by_question(
        file, read_lists(file, {"questions": _question}, "a file of VQA questions")["questions"]
    )


def _question(where: str, entry: Any) -> Record:
    question = checked_record(where, entry, {**_IDS, "question": str})
    choices = question.get("multiple_choices", [])
    if not isinstance(choices, list) or not all(isinstance(choice, str) for choice in choices):
        raise UserError(f"{where} needs 'multiple_choices' (a list of texts): {quotation(choices)}")
    return question


def read_annotations(file: Path) -> dict[int, Record]:
    """Read a file of annotations.

    Args:
        file: the JSON file.

    Returns:
        Its entries by question id; those that are not of the form are named, counted and left out.

    Raises:
        UserError: as `read_questions`.
    """
    lists = read_lists(file, {"annotations": _annotation}, "a file of VQA annotations")
    return by_question(file, lists["annotations"])


def _annotation(where: str, entry: Any) -> Record:
    keys = {**_IDS, "question_type": str, "answer_type": str, "answers": list}
    if isinstance(entry, dict) and entry.get("multiple_choice_answer") is not None:
        keys["multiple_choice_answer"] = str
    annotation = checked_record(where, entry, keys)
    answers = [
        checked_record(f"{where}.answers[{number}]", answer, {"answer": str})
        for number, answer in enumerate(annotation["answers"])
    ]
    return annotation | {"answers": answers}


def by_question(file: Path, entries: Sequence[Record]) -> dict[int, Record]:
    """Index entries by question id.

    Args:
        file: their file, for the message.
        entries: objects with a `question_id`.

    Returns:
        The entries by question id.

    Raises:
        UserError: an id is there twice.
    """
    found = {entry["question_id"]: entry for entry in entries}
    if len(found) < len(entries):
        ((twice, _),) = Counter(entry["question_id"] for entry in entries).most_common(1)
        raise UserError(f"{file}: question_id {twice} is there more than once.")
    return found


def _match(
    questions: Path, asked: Mapping[int, Record], annotations: Path, answered: Mapping[int, Record]
) -> dict[int, Record]:
    """Return the questions that both files know, about the same image."""

    def annotated(one: tuple[int, Record]) -> tuple[int, Record]:
        question_id, question = one
        if question_id not in answered:
            raise UserError(f"question_id {question_id} is not in {annotations}")
        if question["image_id"] != (image_id := answered[question_id]["image_id"]):
            other = f"about image {question['image_id']}, but {image_id} in {annotations}"
            raise UserError(f"question_id {question_id} is {other}")
        return one

    matched = dict(read_each(questions, "questions", asked.items(), annotated))
    strangers = [f"question_id {one} is not in {questions}" for one in answered if one not in asked]
    report_left_out(annotations, "annotations", strangers)
    return matched


def _row(question: Record, annotation: Record | None, path: str) -> QuestionRow:
    given = annotation or {"answers": [], "question_type": "", "answer_type": ""}
    return question_row(
        question["question_id"],
        question["image_id"],
        path,
        question["question"],
        [one["answer"] for one in given["answers"]],
        common=given.get("multiple_choice_answer"),
        choices=question.get("multiple_choices", []),
        question_type=given["question_type"],
        answer_type=given["answer_type"],
    )
