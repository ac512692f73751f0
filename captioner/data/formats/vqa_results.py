"""Read and write results of VQA.

A list of `{"question_id": 1, "answer": "yes"}`, one for each question of a split.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from captioner.data.formats.vqa import by_question
from captioner.data.records import checked_record
from captioner.errors import UserError, nearest
from captioner.files.read import read_json


def write_vqa_results(path: Path, answers: Mapping[int, str]) -> None:
    """Write answers, by question id, as the results file that VQA's evaluation and server take."""
    results = [{"question_id": question_id, "answer": answer} for question_id, answer in answers.items()]
    path.write_text(json.dumps(results), encoding="utf-8")


def read_vqa_results(file: Path) -> dict[int, str]:
    """Read a results file.

    Args:
        file: the JSON file.

    Returns:
        Answers by question id.

    Raises:
        UserError: the file is missing or not of the form, or a question is answered twice.
    """
    form, results = f"{file} is not a VQA results file", read_json(file)
    if not isinstance(results, list):
        raise UserError(f"{form}: it holds a {type(results).__name__}, not a list.")
    entries = [
        checked_record(f"{form}: [{number}]", entry, {"question_id": int, "answer": str})
        for number, entry in enumerate(results)
    ]
    return {question_id: entry["answer"] for question_id, entry in by_question(file, entries).items()}


def check_vqa_results(
    file: Path, answers: Mapping[int, str], other: Path, asked: Mapping[int, Mapping[str, Any]]
) -> None:
    """Refuse results that the official loader refuses: of other questions, or with an answer not offered.

    Args:
        file: the file of the answers, for the message.
        answers: answers by question id.
        other: the file of the questions or annotations, for the message.
        asked: their entries by question id; where one has `multiple_choices`, the answer must be of them.

    Raises:
        UserError: one question that is wrong, and how many are.
    """
    for problem, ids in (
        (f"has no answer to {{}} of the {len(asked):,} questions of {other}", asked.keys() - answers.keys()),
        (f"answers {{}} questions that are not in {other}", answers.keys() - asked.keys()),
    ):
        if ids:
            raise UserError(f"{file} {problem.format(f'{len(ids):,}')}, such as question_id {min(ids)}.")
    for question_id, entry in asked.items():
        choices, answer = entry.get("multiple_choices"), answers[question_id]
        if choices is not None and answer not in choices:
            raise UserError(
                f"{file}: the answer to question_id {question_id}, {answer!r:.40}, is not among its "
                f"{len(choices)} choices. {nearest(answer, choices)}"
            )
