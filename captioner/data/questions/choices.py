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
    boxes: list[list[float]]  # x, y, width and height in pixels, where choices are boxes; else empty
    right: int  # index of the right choice; -1 where it is not known


def questions_by_path(rows: "Dataset") -> dict[str, list[MultipleChoiceQuestion]]:
    """Group questions by their image.

    Args:
        rows: rows of a question source.

    Returns:
        The questions about each image, by its path.

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
    """Make a question whose choices are sorted, by their boxes if they have some.

    Args:
        question_id: its id.
        question: its text.
        choices: the choices in any order.
        boxes: the box of each choice, or none.
        answer: the right choice; empty where it is not known.

    Returns:
        The question.
    """
    ordered = sorted(zip(boxes or [[]] * len(choices), choices, strict=True))
    texts = [choice for _, choice in ordered]
    right = texts.index(answer) if answer in texts else -1
    return MultipleChoiceQuestion(question_id, question, texts, [box for box, _ in ordered if box], right)
