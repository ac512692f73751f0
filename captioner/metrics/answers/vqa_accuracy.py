"""VQA accuracy, open-ended and multiple choice (Antol et al., 2015; Goyal et al., 2017).

An answer is compared with those of each nine of the ten annotators: its soft score is
min(1, equal answers / 3), and the ten soft scores are averaged. So 1, 2, 3 or more than 3 annotators of ten
give 0.3, 0.6, 0.9 or 1.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from captioner.errors import UserError
from captioner.metrics.answers.normalization import RULES, Change, changes, normalise, one_line

Version = Literal["official", "lenient", "pre_2021"]
VERSIONS: Mapping[Version, str] = {
    "official": "as the official script of March 2021: normalised unless all people gave the same answer",
    "lenient": "always normalised, also where all people gave the same answer",
    "pre_2021": "as the official script before: the answer is always normalised, people's answers lose "
    "their punctuation, and only where they differ",
}


class HumanAnswers(NamedTuple):
    """Annotator answers to a question, and the classes in which it is counted."""

    answers: Sequence[str]
    question_type: str = ""
    answer_type: str = ""


class Compared(NamedTuple):
    """An answer and the annotators' as they are compared.

    Attributes:
        prediction: the answer.
        annotator_answers: those of the annotators.
        accuracy: the soft score, 0 to 1.
    """

    prediction: str
    annotator_answers: list[str]
    accuracy: float


class AnswerScores(NamedTuple):
    """Accuracies in per cent, rounded to two places as the official script reports them."""

    overall: float
    per_question_type: dict[str, float]
    per_answer_type: dict[str, float]
    per_question: dict[int, float]


def compare(
    prediction: str, annotator_answers: Sequence[str], version: Version = "official", without: str = ""
) -> Compared:
    """Normalise an answer and those of annotators, and compute the soft score.

    Args:
        prediction: the answer.
        annotator_answers: those of all annotators of the question.
        version: a key of `VERSIONS`.
        without: one rule of `RULES` to leave out.

    Returns:
        The answers as they are compared, and the accuracy.
    """
    prediction, tidy = one_line(prediction), [one_line(answer) for answer in annotator_answers]
    if version == "pre_2021":
        prediction, compared = normalise(prediction, without), list(annotator_answers)
        if len(set(compared)) > 1:
            compared = [RULES["periods"](RULES["punctuation"](answer)) for answer in compared]
    elif version == "lenient" or len(set(tidy)) > 1:
        prediction, compared = normalise(prediction, without), [normalise(answer, without) for answer in tidy]
    else:
        compared = tidy
    return Compared(prediction, compared, _soft_score(tuple(answer == prediction for answer in compared)))


@lru_cache(maxsize=1 << 12)
def _soft_score(is_equal: tuple[bool, ...]) -> float:
    """Compute the mean over annotators of the soft score that the others give.

    Added up in the order of the annotators, as the script does, so that figures round alike to the last
    digit.
    """
    num_equal = sum(is_equal)
    return sum(min(1.0, (num_equal - own) / 3) for own in is_equal) / len(is_equal)


def vqa_accuracy(
    predictions: Mapping[int, str], truth: Mapping[int, HumanAnswers], version: Version = "official"
) -> AnswerScores:
    """Compute VQA accuracy.

    Args:
        predictions: an answer to each question, by question id.
        truth: the annotators' answers, by question id.
        version: a key of `VERSIONS`.

    Returns:
        Accuracies in per cent.

    Raises:
        UserError: there are no questions, the questions answered are not those of `truth`, or no annotator
            answered one of these.

    Source: the official evaluation, github.com/GT-Vision-Lab/VQA, of March 2021.
    """
    require_same_questions(predictions, truth)
    accuracies = {
        question_id: compare(predictions[question_id], annotated.answers, version).accuracy
        for question_id, annotated in truth.items()
    }
    return average_accuracies(accuracies, truth)


def average_accuracies(accuracies: Mapping[int, float], truth: Mapping[int, HumanAnswers]) -> AnswerScores:
    """Average accuracies of questions, 0 to 1, over all of them and by class."""
    return AnswerScores(
        overall=_percent(accuracies.values()),
        per_question_type=_by_class(accuracies, {key: one.question_type for key, one in truth.items()}),
        per_answer_type=_by_class(accuracies, {key: one.answer_type for key, one in truth.items()}),
        per_question={question_id: round(100 * value, 2) for question_id, value in accuracies.items()},
    )


def require_same_questions(predictions: Collection[int], truth: Mapping[int, HumanAnswers]) -> None:
    """Refuse answers to other questions than those asked, or to one that no annotator answered.

    Args:
        predictions: ids of the questions that are answered.
        truth: the annotators' answers, by question id.

    Raises:
        UserError: with how many are missing or were not asked, and the id of one.
    """
    if not truth:
        raise UserError("There are no questions to score.")
    for problem, ids in (
        ("have no answer", set(truth).difference(predictions)),
        ("are answered that were not asked", set(predictions).difference(truth)),
    ):
        if ids:
            raise UserError(
                f"{len(ids):,} of {len(truth):,} questions {problem}, such as question {min(ids)}."
            )
    if bare := [question_id for question_id, one in truth.items() if not one.answers]:
        raise UserError(f"Nobody answered question {bare[0]}: it cannot be scored.")


def _by_class(accuracies: Mapping[int, float], class_of: Mapping[int, str]) -> dict[str, float]:
    members: dict[str, list[float]] = {}
    for question_id, accuracy in accuracies.items():
        members.setdefault(class_of[question_id], []).append(accuracy)
    return {name: _percent(values) for name, values in sorted(members.items())}


def _percent(accuracies: Iterable[float]) -> float:
    values = list(accuracies)
    return round(100 * sum(values) / len(values), 2)


class Explanation(NamedTuple):
    """The reasons for an answer's accuracy.

    Attributes:
        prediction: the answer as it was given.
        changes: the rules that changed it; none where it is compared as it is.
        compared: the answers as they are compared, and the accuracy.
        is_unanimous: all annotators gave the same answer, so that nothing is normalised.
        lenient: the accuracy if answers were normalised all the same.
        decisive: rules without which the accuracy would differ, and that accuracy.
    """

    prediction: str
    changes: tuple[Change, ...]
    compared: Compared
    is_unanimous: bool
    lenient: float
    decisive: dict[str, float]


def explain(prediction: str, annotator_answers: Sequence[str]) -> Explanation:
    """Find which of the official rules change an answer, and which decide its accuracy."""
    compared = compare(prediction, annotator_answers)
    tidy = {one_line(answer) for answer in annotator_answers}
    is_unanimous = len(tidy) == 1
    at_work = {change.rule for answer in (one_line(prediction), *tidy) for change in changes(answer)}
    others = {
        rule: compare(prediction, annotator_answers, without=rule).accuracy
        for rule in RULES
        if rule in at_work
    }
    return Explanation(
        prediction=prediction,
        changes=() if is_unanimous else changes(one_line(prediction)),
        compared=compared,
        is_unanimous=is_unanimous,
        lenient=compare(prediction, annotator_answers, "lenient").accuracy,
        decisive={rule: value for rule, value in others.items() if value != compared.accuracy},
    )
