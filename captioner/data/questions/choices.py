"""Hold a question and its choices."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from captioner.errors import UserError

if TYPE_CHECKING:
    from datasets import Dataset


class MultipleChoiceQuestion(NamedTuple):
    """A question and its choices, in the order of their boxes or words: see `in_order`."""

    question_id: int
    question: str
    choices: list[str]
    boxes: list[list[float]]  # x, y, width and height in pixels, where choices are places; else empty
    right: int  # which of the choices; -1 where that is not known


def questions_by_path(rows: "Dataset") -> dict[str, list[MultipleChoiceQuestion]]:
    """All questions about each picture, by its path.

    Raises:
        UserError: a question has no choices.
    """
    about: dict[str, list[MultipleChoiceQuestion]] = {}
    columns = ("path", "question_id", "question", "answer", "choices", "boxes")
    for path, question_id, question, answer, choices, boxes in zip(
        *(rows[c][:] for c in columns), strict=True
    ):
        if not choices:
            raise UserError(
                f"The question {question_id} ({question}) has no choices: is this multiple choice?"
            )
        about.setdefault(path, []).append(in_order(question_id, question, choices, boxes, answer))
    return about


def in_order(
    question_id: int, question: str, choices: Sequence[str], boxes: Sequence[list[float]], answer: str = ""
) -> MultipleChoiceQuestion:
    """A question with choices that came in any order; each has a box, or none has."""
    ordered = sorted(zip(boxes or [[]] * len(choices), choices, strict=True))
    texts = [choice for _, choice in ordered]
    right = texts.index(answer) if answer in texts else -1
    return MultipleChoiceQuestion(question_id, question, texts, [box for box, _ in ordered if box], right)
