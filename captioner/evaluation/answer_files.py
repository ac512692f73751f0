"""Files of answers by any system to scores: no model, no picture and no torch is needed."""

import csv
import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, get_args

from captioner.data.files import read_text
from captioner.data.formats.vqa import read_annotations, read_questions
from captioner.data.formats.vqa_results import check_vqa_results, read_vqa_results
from captioner.errors import UserError
from captioner.metrics.answers.answer_sets import (
    NO_WORDNET,
    answer_list,
    set_accuracy,
    wordnet_likeness,
    wups_scores,
)
from captioner.metrics.answers.normalization import RULES
from captioner.metrics.answers.vqa_accuracy import (
    VERSIONS,
    AnswerScores,
    Explanation,
    HumanAnswers,
    Version,
    explain,
    vqa_accuracy,
)


class Effect(NamedTuple):
    """Of a rule: how many answers it changed, and how many accuracies would be others without it."""

    changed: int
    decided: int


class ScoredAnswers(NamedTuple):
    """What was found, by question id and by version of the accuracy.

    Attributes:
        said: the answers.
        truth: what people answered.
        questions: their words, where a file of questions was given.
        scores: the accuracies.
        explanations: why each answer got its official accuracy.
    """

    said: dict[int, str]
    truth: dict[int, HumanAnswers]
    questions: dict[int, str]
    scores: dict[Version, AnswerScores]
    explanations: dict[int, Explanation]


def score_answers(results: Path, annotations: Path, questions: Path | None = None) -> ScoredAnswers:
    """Score a VQA results file against what people answered.

    With a file of questions an answer must be one of the choices, where the questions have some.

    Raises:
        UserError: a file is wrong, or the files are not of the same questions.
    """
    said, answered = read_vqa_results(results), read_annotations(annotations)
    check_vqa_results(results, said, annotations, answered)
    asked = read_questions(questions) if questions else {}
    if questions:
        check_vqa_results(results, said, questions, asked)
    truth = {
        question_id: HumanAnswers(
            [one["answer"] for one in entry["answers"]], entry["question_type"], entry["answer_type"]
        )
        for question_id, entry in answered.items()
    }
    return ScoredAnswers(
        said,
        truth,
        {question_id: entry["question"] for question_id, entry in asked.items()},
        {name: vqa_accuracy(said, truth, name) for name in get_args(Version)},
        {question_id: explain(said[question_id], human.answers) for question_id, human in truth.items()},
    )


def effects(explanations: Mapping[int, Explanation]) -> dict[str, Effect]:
    """What each rule did over all questions, and what it did that nothing is normalised where all agree."""
    changed = Counter(change.rule for one in explanations.values() for change in one.changes)
    decided = Counter(rule for one in explanations.values() for rule in one.decisive)
    as_written = [one for one in explanations.values() if one.is_unanimous]
    others = sum(one.lenient != one.compared.accuracy for one in as_written)
    found = {rule: Effect(changed[rule], decided[rule]) for rule in RULES}
    return found | {"as written where all people agree": Effect(len(as_written), others)}


class SetsScored(NamedTuple):
    """Of a file of answer sets: accuracy and WUPS in per cent, and what is missing."""

    num_questions: int
    accuracy: float
    wups: dict[float, float]
    note: str


def score_sets(said: Path, right: Path) -> SetsScored:
    """Score answer sets as DAQUAR's script does: two texts, a question a line, words with commas between.

    Raises:
        UserError: a file cannot be read, they differ in their lines, or a right answer is blank.
    """
    texts = [read_text(file).removesuffix("\n").split("\n") for file in (said, right)]
    if len(texts[0]) != len(texts[1]):
        raise UserError(
            f"{said} has {len(texts[0])} lines, {right} {len(texts[1])}: they must be as many, a line for "
            "each question."
        )
    answers, truth = (dict(enumerate(lines, start=1)) for lines in texts)
    people = {line: HumanAnswers(answer_list(text)) for line, text in truth.items()}
    likeness = wordnet_likeness()
    return SetsScored(
        num_questions=len(people),
        accuracy=set_accuracy(answers, people).overall,
        wups=wups_scores(answers, people, likeness) if likeness else {},
        note="" if likeness else NO_WORDNET,
    )


def results_of(results: Path, annotations: Path, scored: ScoredAnswers) -> dict[str, Any]:
    """Everything that was found and all that it depends on, for results.json."""
    return {
        "results": str(results),
        "annotations": str(annotations),
        "questions": len(scored.truth),
        "accuracy": VERSIONS,
        "scores": {
            name: {key: value for key, value in scores._asdict().items() if key != "per_question"}
            for name, scores in scored.scores.items()
        },
        "rules": {rule: effect._asdict() for rule, effect in effects(scored.explanations).items()},
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"captioner": version("captioner")},
    }


def write_results(folder: Path, results: Mapping[str, Any], scored: ScoredAnswers) -> None:
    """`results.json`, and `per_question.csv` with a line for each question.

    Raises:
        UserError: the folder cannot be written.
    """
    header = ["question_id", "question_type", "answer_type", "answer", "compared", *scored.scores]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        with (folder / "per_question.csv").open("w", newline="", encoding="utf-8", errors="replace") as file:
            writer = csv.writer(file)
            writer.writerow([*header, "changed_by", "decided_by"])
            for question_id, human in scored.truth.items():
                why = scored.explanations[question_id]
                values = [scores.per_question[question_id] for scores in scored.scores.values()]
                rules = [change.rule for change in why.changes]
                about = [question_id, human.question_type, human.answer_type]
                compared = [why.said, why.compared.said]
                writer.writerow([*about, *compared, *values, "; ".join(rules), "; ".join(why.decisive)])
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}.") from None
