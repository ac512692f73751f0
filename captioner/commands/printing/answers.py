"""Answers as lines of text and as JSON."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from captioner.inference.question_predictor import Reply


def as_text(reply: "Reply", with_question: bool, with_name: bool) -> str:
    """Return a line for each answer, the most probable first, with its probability.

    Args:
        reply: the answers to a question.
        with_question: whether a line with the question comes first.
        with_name: whether that line names the image too.

    Returns:
        Lines of text, without a last line end.
    """
    lines = [reply.question.question] if with_question else []
    if with_name:
        lines[:1] = [f"{reply.question.name}: {reply.question.question}"]
    return "\n".join([*lines, *(f"{one.probability:8.3f}  {one.text}" for one in reply.answers)])


def as_json(reply: "Reply") -> str:
    """Return one JSON object on one line."""
    answers = [{"answer": one.text, "probability": one.probability} for one in reply.answers]
    about = {"image": reply.question.name, "question": reply.question.question, "answers": answers}
    return json.dumps(about, ensure_ascii=False)
