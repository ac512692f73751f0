"""How answers are printed, for people and for programs."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from captioner.inference.vqa import Reply


def as_text(reply: "Reply", with_question: bool, with_name: bool) -> str:
    """A line an answer, the likeliest first, with its probability."""
    lines = [reply.asked.question] if with_question else []
    if with_name:
        lines[:1] = [f"{reply.asked.picture}: {reply.asked.question}"]
    return "\n".join(
        [*lines, *(f"{prediction.probability:8.3f}  {prediction.text}" for prediction in reply.answers)]
    )


def as_json(reply: "Reply") -> str:
    """One object."""
    answers = [
        {"answer": prediction.text, "probability": prediction.probability} for prediction in reply.answers
    ]
    about = {"image": reply.asked.picture, "question": reply.asked.question, "answers": answers}
    return json.dumps(about, ensure_ascii=False)
