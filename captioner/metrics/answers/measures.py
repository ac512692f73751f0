"""The accuracy that fits what the answers of a question set are."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from captioner.metrics.answers.answer_sets import is_set, set_accuracy
from captioner.metrics.answers.vqa_accuracy import AnswerScores, HumanAnswers, compare, vqa_accuracy

AnswersAre = Literal["annotator_answers", "set"]
"""Answers of several annotators, some of whom may be wrong; or words that form the right answer together."""


class Measure(NamedTuple):
    """A way to score answers.

    Attributes:
        name: for logs and tables.
        score: (predictions, annotator answers, both by question id) to scores.
        soft_score: (an answer, annotator answers) to its soft score, 0 to 1.
    """

    name: str
    score: Callable[[Mapping[int, str], Mapping[int, HumanAnswers]], AnswerScores]
    soft_score: Callable[[str, Sequence[str]], float]


def _vqa_soft_score(answer: str, annotator_answers: Sequence[str]) -> float:
    return compare(answer, annotator_answers).accuracy


MEASURES: Mapping[AnswersAre, Measure] = {
    "annotator_answers": Measure("VQA accuracy", vqa_accuracy, _vqa_soft_score),
    "set": Measure("accuracy of answer sets", set_accuracy, is_set),
}
