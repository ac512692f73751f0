"""The accuracy that fits what the answers of a question set are."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from captioner.metrics.answers.answer_sets import is_set, set_accuracy
from captioner.metrics.answers.vqa_accuracy import AnswerScores, HumanAnswers, compare, vqa_accuracy

AnswersAre = Literal["annotator_answers", "set"]
"""Opinions of people, some of whom may be wrong; or parts that make the one right answer together."""


class Measure(NamedTuple):
    """How answers are scored.

    Attributes:
        name: what it is called.
        score: (an answer to each question, what people answered, both by question id) to scores.
        soft_score: (an answer, what people answered) to what it is soft_score, 0 to 1.
    """

    name: str
    score: Callable[[Mapping[int, str], Mapping[int, HumanAnswers]], AnswerScores]
    soft_score: Callable[[str, Sequence[str]], float]


def _opinion_worth(said: str, people: Sequence[str]) -> float:
    return compare(said, people).accuracy


MEASURES: Mapping[AnswersAre, Measure] = {
    "annotator_answers": Measure("VQA accuracy", vqa_accuracy, _opinion_worth),
    "set": Measure("accuracy of answer sets", set_accuracy, is_set),
}
