"""Write results of Visual7W.

A list of `{"qa_id": 1, "question": "What?", "candidates": [{"answer": "Red."}]}`.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Result(NamedTuple):
    """The answer chosen for a question."""

    qa_id: int
    question: str
    answer: str | int  # an int is the id of a box


def write_visual7w_results(path: Path, results: Iterable[Result]) -> None:
    """Write chosen answers as the file that the official evaluation takes."""
    listed = [
        {"qa_id": one.qa_id, "question": one.question, "candidates": [{"answer": one.answer}]}
        for one in results
    ]
    path.write_text(json.dumps(listed), encoding="utf-8")
