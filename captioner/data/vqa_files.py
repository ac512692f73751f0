"""The official files of VQA v1 and v2: questions, annotations, results; and any files of their form.

questions    `questions`: image_id, question_id, question; in multiple choice multiple_choices too
annotations  `annotations`: the same ids, question_type, answer_type, multiple_choice_answer, and `answers`,
             ten of them: answer, answer_confidence, answer_id
results      a list: question_id, answer
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from captioner.data.files import check_records, encodable, one_line_each, read_records
from captioner.data.questions import QuestionRow
from captioner.errors import UserError

_IDS = {"question_id": int, "image_id": int}
_QUESTIONS = {"questions": {**_IDS, "question": str}}
_ANNOTATIONS = {"annotations": {**_IDS, "question_type": str, "answer_type": str, "answers": list}}


def read_vqa(
    questions: Path, annotations: Path | None, pictures: Path, name: str, advice: str = ""
) -> list[QuestionRow]:
    """The rows of a split in the order of its questions; without annotations the questions have no answers.

    Args:
        questions: a file of questions, open-ended or multiple choice.
        annotations: what people answered, for exactly these questions.
        pictures: the folder of the pictures.
        name: of a picture by its id: `COCO_val2014_{:012d}.jpg`.
        advice: where to get a file that is missing.

    Raises:
        UserError: a file is missing or not of the form, an id is there twice, or the files do not match.
    """
    asked = read_questions(questions, advice)
    answered = read_annotations(annotations, advice) if annotations else None
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


def read_questions(file: Path, advice: str = "") -> dict[int, dict[str, Any]]:
    """The entries of a file of questions by question id.

    Raises:
        UserError: the file is missing or not of the form, or an id is there twice.
    """
    what = "a file of VQA questions"
    questions = read_records(file, _QUESTIONS, what, advice)["questions"]
    for number, question in enumerate(questions):
        if not _is_texts(question.get("multiple_choices", [])):
            where = f"questions[{number}] needs 'multiple_choices' (a list of texts)"
            raise UserError(f"{file} is not {what}: {where}: {question!r:.80}")
    return _by_id(file, questions)


def read_annotations(file: Path, advice: str = "") -> dict[int, dict[str, Any]]:
    """The entries of a file of annotations by question id.

    Raises:
        UserError: as `read_questions`.
    """
    what = f"{file} is not a file of VQA annotations"
    annotations = read_records(file, _ANNOTATIONS, what.partition(" is not ")[2], advice)["annotations"]
    for number, annotation in enumerate(annotations):
        check_records(what, f"annotations[{number}].answers", annotation["answers"], {"answer": str})
    return _by_id(file, annotations)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _by_id(file: Path, entries: Sequence[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    found = {entry["question_id"]: entry for entry in entries}
    if len(found) < len(entries):
        counts = Counter(entry["question_id"] for entry in entries)
        raise UserError(f"{file}: question_id {counts.most_common(1)[0][0]} is there more than once.")
    return found


def _match(questions: Path, asked: Mapping[int, Any], annotations: Path, answered: Mapping[int, Any]) -> None:
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


def _row(question: Mapping[str, Any], annotation: Mapping[str, Any] | None, path: str) -> QuestionRow:
    answers = [encodable(one["answer"]) for one in annotation["answers"]] if annotation else []
    common = annotation.get("multiple_choice_answer") if annotation else ""
    return QuestionRow(
        question_id=question["question_id"],
        image_id=question["image_id"],
        path=path,
        question="".join(one_line_each([question["question"]])),
        answer=encodable(common) if isinstance(common, str) else most_common(answers),
        answers=answers,
        choices=[encodable(choice) for choice in question.get("multiple_choices", [])],
        boxes=[],
        question_type=encodable(annotation["question_type"]) if annotation else "",
        answer_type=encodable(annotation["answer_type"]) if annotation else "",
    )


def most_common(answers: Sequence[str]) -> str:
    """The answer most people gave, the first of those that are equally common; empty where there is none.

    >>> most_common(["red", "blue", "blue", "red"])
    'red'
    """
    return Counter(answers).most_common(1)[0][0] if answers else ""
