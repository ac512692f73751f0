"""Accuracy of choosing, as the evaluation of Visual7W (Zhu et al., 2016) has it, of every question."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from captioner.errors import UserError


class Truth(NamedTuple):
    """The right answer to a question, and the question's type: what, where, when, who, why, how or which."""

    answer: str
    question_type: str


class ChoiceScores(NamedTuple):
    """Shares of questions that were answered rightly."""

    overall: float
    per_type: dict[str, float]
    num_questions: dict[str, int]  # by type
    num_unanswered: int

    def as_dict(self) -> dict[str, float]:
        """`accuracy`, `accuracy_what`, ..."""
        kinds = {f"accuracy_{kind}": share for kind, share in sorted(self.per_type.items())}
        return {"accuracy": self.overall, **kinds}


def choice_accuracy(chosen: Mapping[int, str], truth: Mapping[int, Truth]) -> ChoiceScores:
    """Right is what equals the answer but for the case of letters.

    The official script divides by the number of answers given; here a question without one is wrong.

    Raises:
        UserError: there is no question, or an answer to none of them.
    """
    if not truth:
        raise UserError("There is no question to score an answer to.")
    if strangers := chosen.keys() - truth.keys():
        raise UserError(f"There is no question {min(strangers)}: are these answers of another split?")
    asked = Counter(one.question_type for one in truth.values())
    right = Counter(
        truth[question_id].question_type
        for question_id, answer in chosen.items()
        if answer.lower() == truth[question_id].answer.lower()
    )
    per_type = {kind: right[kind] / number for kind, number in asked.items()}
    return ChoiceScores(right.total() / len(truth), per_type, dict(asked), len(truth) - len(chosen))
