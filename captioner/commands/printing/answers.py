"""How answers are printed, for people and for programs."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from captioner.inference.vqa import Reply


def as_text(reply: "Reply", with_question: bool, with_name: bool) -> str:
    """A line an answer, the likeliest first, with its probability."""
    lines = [reply.question.question] if with_question else []
    if with_name:
        lines[:1] = [f"{reply.question.name}: {reply.question.question}"]
    return "\n".join([*lines, *(f"{one.probability:8.3f}  {one.text}" for one in reply.answers)])


def as_json(reply: "Reply") -> str:
    """One object."""
    answers = [{"answer": one.text, "probability": one.probability} for one in reply.answers]
    about = {"image": reply.question.name, "question": reply.question.question, "answers": answers}
    return json.dumps(about, ensure_ascii=False)
