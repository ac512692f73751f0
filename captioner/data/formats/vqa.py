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

from captioner.data.files import check_records, read_records
from captioner.data.questions.base import QuestionRow
from captioner.data.questions.rows import question_row
from captioner.errors import UserError

Entry = dict[str, Any]

_IDS = {"question_id": int, "image_id": int}
_QUESTIONS = {"questions": {**_IDS, "question": str}}
_ANNOTATIONS = {"annotations": {**_IDS, "question_type": str, "answer_type": str, "answers": list}}


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
        UserError: a file is missing or not of the form, an id is there twice, or the files do not match.
    """
    asked = read_questions(questions)
    answered = read_annotations(annotations) if annotations else None
    if annotations and answered is not None:
        _match(questions, asked, annotations, answered)
    return [
        _row(
            question,
            answered[question_id] if answered else None,
            os.path.join(pictures, name.format(question["image_id"])),
        )
        for question_id, question in asked.items()
    ]


def read_questions(file: Path) -> dict[int, Entry]:
    """Read a file of questions.

    Args:
        file: the JSON file.

    Returns:
        Its entries by question id.

    Raises:
        UserError: the file is missing or not of the form, or an id is there twice.
    """
    form = "a file of VQA questions"
    questions = read_records(file, _QUESTIONS, form)["questions"]
    for number, question in enumerate(questions):
        choices = question.get("multiple_choices", [])
        if not isinstance(choices, list) or not all(isinstance(choice, str) for choice in choices):
            where = f"questions[{number}] needs 'multiple_choices' (a list of texts)"
            raise UserError(f"{file} is not {form}: {where}: {question!r:.80}")
    return by_question(file, questions)


def read_annotations(file: Path) -> dict[int, Entry]:
    """Read a file of annotations.

    Args:
        file: the JSON file.

    Returns:
        Its entries by question id.

    Raises:
        UserError: as `read_questions`.
    """
    form = "a file of VQA annotations"
    annotations = read_records(file, _ANNOTATIONS, form)["annotations"]
    for number, annotation in enumerate(annotations):
        part = f"annotations[{number}].answers"
        check_records(f"{file} is not {form}", part, annotation["answers"], {"answer": str})
    return by_question(file, annotations)


def by_question(file: Path, entries: Sequence[Entry]) -> dict[int, Entry]:
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
    questions: Path, asked: Mapping[int, Entry], annotations: Path, answered: Mapping[int, Entry]
) -> None:
    for file, other, strangers in (
        (questions, annotations, asked.keys() - answered.keys()),
        (annotations, questions, answered.keys() - asked.keys()),
    ):
        if strangers:
            raise UserError(
                f"{file} holds {len(strangers):,} questions that are not in {other}, "
                f"such as question_id {min(strangers)}; are they of one split and version?"
            )
    for question_id, question in asked.items():
        if question["image_id"] != answered[question_id]["image_id"]:
            raise UserError(
                f"question_id {question_id} is about image {question['image_id']} in {questions}, "
                f"but {answered[question_id]['image_id']} in {annotations}."
            )


def _row(question: Entry, annotation: Entry | None, path: str) -> QuestionRow:
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
