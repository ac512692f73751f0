"""VQA accuracy, open-ended and multiple choice (Antol et al., 2015; Goyal et al., 2017).

An answer is compared with those of each nine of the ten people: it is soft_score min(1, equal answers / 3), and
the ten of these are averaged. So 1, 2, 3 or more than 3 people of ten make 0.3, 0.6, 0.9 or 1.
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
    """What people answered to a question, and the classes it is counted in."""

    answers: Sequence[str]
    question_type: str = ""
    answer_type: str = ""


class Compared(NamedTuple):
    """An answer and those of people as they are compared, and the accuracy, 0 to 1."""

    said: str
    people: list[str]
    accuracy: float


class AnswerScores(NamedTuple):
    """Accuracies in per cent, rounded to two places as the official script reports them."""

    overall: float
    per_question_type: dict[str, float]
    per_answer_type: dict[str, float]
    per_question: dict[int, float]


def compare(said: str, people: Sequence[str], version: Version = "official", without: str = "") -> Compared:
    """What becomes of an answer and of those of people, and how they agree; `without` leaves one rule out."""
    said, tidy = one_line(said), [one_line(answer) for answer in people]
    if version == "pre_2021":
        said = normalise(said, without)
        if len(set(people)) > 1:
            people = [RULES["periods"](RULES["punctuation"](answer)) for answer in people]
    elif version == "lenient" or len(set(tidy)) > 1:
        said, people = normalise(said, without), [normalise(answer, without) for answer in tidy]
    else:
        people = tidy
    return Compared(said, list(people), _agreement(tuple(answer == said for answer in people)))


@lru_cache(maxsize=1 << 12)
def _agreement(is_equal: tuple[bool, ...]) -> float:
    """The mean over people of what the answer is soft_score to the others.

    Added up in the order of the people, as the script does, so that figures round alike to the last digit.
    """
    num_equal = sum(is_equal)
    return sum(min(1.0, (num_equal - own) / 3) for own in is_equal) / len(is_equal)


def vqa_accuracy(
    said: Mapping[int, str], truth: Mapping[int, HumanAnswers], version: Version = "official"
) -> AnswerScores:
    """The scores of an answer to each question, by question id.

    Raises:
        UserError: there are no questions, the questions answered are not those of `truth`, or nobody
            answered one of these.
    """
    require_same_questions(said, truth)
    accuracies = {
        question_id: compare(said[question_id], human.answers, version).accuracy
        for question_id, human in truth.items()
    }
    return average_accuracies(accuracies, truth)


def average_accuracies(accuracies: Mapping[int, float], truth: Mapping[int, HumanAnswers]) -> AnswerScores:
    """Accuracies of questions, 0 to 1, as scores overall and by class."""
    return AnswerScores(
        overall=_percent(accuracies.values()),
        per_question_type=_by_class(accuracies, {key: human.question_type for key, human in truth.items()}),
        per_answer_type=_by_class(accuracies, {key: human.answer_type for key, human in truth.items()}),
        per_question={question_id: round(100 * value, 2) for question_id, value in accuracies.items()},
    )


def require_same_questions(said: Collection[int], truth: Mapping[int, HumanAnswers]) -> None:
    """Refuse answers to other questions than those asked, or to one that nobody else answered.

    Raises:
        UserError: says how many are missing or were not asked, and one of them.
    """
    if not truth:
        raise UserError("There are no questions to score.")
    for problem, ids in (
        ("have no answer", set(truth).difference(said)),
        ("are answered that were not asked", set(said).difference(truth)),
    ):
        if ids:
            raise UserError(
                f"{len(ids):,} of {len(truth):,} questions {problem}, such as question {min(ids)}."
            )
    if alone := [question_id for question_id, human in truth.items() if not human.answers]:
        raise UserError(f"Nobody answered question {alone[0]}: it cannot be scored.")


def _by_class(accuracies: Mapping[int, float], class_of: Mapping[int, str]) -> dict[str, float]:
    members: dict[str, list[float]] = {}
    for question_id, accuracy in accuracies.items():
        members.setdefault(class_of[question_id], []).append(accuracy)
    return {name: _percent(values) for name, values in sorted(members.items())}


def _percent(accuracies: Iterable[float]) -> float:
    values = list(accuracies)
    return round(100 * sum(values) / len(values), 2)


class Explanation(NamedTuple):
    """Why an answer got its accuracy.

    Attributes:
        said: the answer as it was given.
        changes: the rules that changed it; none where it is compared as it is.
        compared: what was compared, and the accuracy.
        is_unanimous: all people gave the same answer, so that nothing is normalised.
        lenient: the accuracy if it were all the same.
        decisive: rules without which the accuracy would be another, and that one.
    """

    said: str
    changes: tuple[Change, ...]
    compared: Compared
    is_unanimous: bool
    lenient: float
    decisive: dict[str, float]


def explain(said: str, people: Sequence[str]) -> Explanation:
    """Which of the official rules changed what."""
    compared = compare(said, people)
    tidy = {one_line(answer) for answer in people}
    is_unanimous = len(tidy) == 1
    at_work = {change.rule for answer in (one_line(said), *tidy) for change in changes(answer)}
    others = {rule: compare(said, people, without=rule).accuracy for rule in RULES if rule in at_work}
    return Explanation(
        said=said,
        changes=() if is_unanimous else changes(one_line(said)),
        compared=compared,
        is_unanimous=is_unanimous,
        lenient=compare(said, people, "lenient").accuracy,
        decisive={rule: value for rule, value in others.items() if value != compared.accuracy},
    )
