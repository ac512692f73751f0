"""Accuracy of multiple choice, as the evaluation of Visual7W computes it (Zhu et al., 2016)."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from captioner.errors import UserError


class Truth(NamedTuple):
    """The right answer to a question, and the question's type: what, where, when, who, why, how or which."""

    answer: str
    question_type: str


class ChoiceScores(NamedTuple):
    """Shares of questions with the right answer."""

    overall: float
    per_type: dict[str, float]
    num_questions: dict[str, int]  # by type
    num_unanswered: int

    def as_dict(self) -> dict[str, float]:
        """Return the shares under their names in logs: `accuracy`, `accuracy_what`, ..."""
        kinds = {f"accuracy_{kind}": share for kind, share in sorted(self.per_type.items())}
        return {"accuracy": self.overall, **kinds}


def choice_accuracy(chosen: Mapping[int, str], truth: Mapping[int, Truth]) -> ChoiceScores:
    """Compute the share of questions whose chosen answer is the right one, whatever the case of letters.

    The official script divides by the number of answers given; here a question without one is wrong.

    Args:
        chosen: an answer to each question, by question id; some may be missing.
        truth: the right answer of every question.

    Returns:
        The share of all questions, and by type.

    Raises:
        UserError: there is no question, or an answer to none of them.
    """
    if not truth:
        raise UserError("There is no question to score an answer to.")
    if unknown := chosen.keys() - truth.keys():
        raise UserError(f"There is no question {min(unknown)}: are these answers of another split?")
    totals = Counter(one.question_type for one in truth.values())
    right = Counter(
        truth[question_id].question_type
        for question_id, answer in chosen.items()
        if answer.lower() == truth[question_id].answer.lower()
    )
    per_type = {kind: right[kind] / number for kind, number in totals.items()}
    return ChoiceScores(right.total() / len(truth), per_type, dict(totals), len(truth) - len(chosen))
