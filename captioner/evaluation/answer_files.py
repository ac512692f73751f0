"""Scores of answer files by any system, without a model, images or torch."""

import csv
import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, get_args

from captioner.data.formats.vqa import read_annotations, read_questions
from captioner.data.formats.vqa_results import check_vqa_results, read_vqa_results
from captioner.errors import UserError
from captioner.files.read import read_text
from captioner.metrics.answers.answer_sets import (
    NO_WORDNET,
    answer_list,
    set_accuracy,
    wordnet_similarity,
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
    """The effect of a rule of normalization over all questions.

    Attributes:
        changed: answers that it changed.
        decided: accuracies that would differ without it.
    """

    changed: int
    decided: int


class ScoredAnswers(NamedTuple):
    """A scored file of answers.

    Attributes:
        predictions: the answers, by question id.
        truth: the annotators' answers, by question id.
        questions: their texts, by id, where a file of questions was given.
        scores: the accuracies, by version.
        explanations: the reasons for each answer's official accuracy, by question id.
    """

    predictions: dict[int, str]
    truth: dict[int, HumanAnswers]
    questions: dict[int, str]
    scores: dict[Version, AnswerScores]
    explanations: dict[int, Explanation]


def score_answers(results: Path, annotations: Path, questions: Path | None = None) -> ScoredAnswers:
    """Score a VQA results file against the annotators' answers.

    Args:
        results: a file of answers.
        annotations: a file of annotators' answers.
        questions: a file of questions: an answer must be one of the choices, where a question has some.

    Returns:
        Answers, accuracies and the reasons for them.

    Raises:
        UserError: a file is wrong, or the files are not of the same questions.
    """
    predictions, annotated = read_vqa_results(results), read_annotations(annotations)
    check_vqa_results(results, predictions, annotations, annotated)
    question_entries = read_questions(questions) if questions else {}
    if questions:
        check_vqa_results(results, predictions, questions, question_entries)
    truth = {
        question_id: HumanAnswers(
            [one["answer"] for one in entry["answers"]], entry["question_type"], entry["answer_type"]
        )
        for question_id, entry in annotated.items()
    }
    return ScoredAnswers(
        predictions,
        truth,
        {question_id: entry["question"] for question_id, entry in question_entries.items()},
        {name: vqa_accuracy(predictions, truth, name) for name in get_args(Version)},
        {question_id: explain(predictions[question_id], one.answers) for question_id, one in truth.items()},
    )


def effects(explanations: Mapping[int, Explanation]) -> dict[str, Effect]:
    """Count the effect of each rule, and of the exception for questions whose annotators all agree."""
    changed = Counter(change.rule for one in explanations.values() for change in one.changes)
    decided = Counter(rule for one in explanations.values() for rule in one.decisive)
    as_written = [one for one in explanations.values() if one.is_unanimous]
    others = sum(one.lenient != one.compared.accuracy for one in as_written)
    found = {rule: Effect(changed[rule], decided[rule]) for rule in RULES}
    return found | {"as written where all people agree": Effect(len(as_written), others)}


class AnswerSetScores(NamedTuple):
    """Scores of a file of answer sets.

    Attributes:
        num_questions: of the file.
        accuracy: in per cent.
        wups: in per cent, by threshold; empty without WordNet.
        note: a sentence on what is missing, or empty.
    """

    num_questions: int
    accuracy: float
    wups: dict[float, float]
    note: str


def score_sets(answers: Path, right: Path) -> AnswerSetScores:
    """Score answer sets as DAQUAR's script does: two texts, a question a line, words with commas between.

    Args:
        answers: the file to score.
        right: the file of right answers.

    Returns:
        Accuracy and WUPS.

    Raises:
        UserError: a file cannot be read, they differ in their lines, or a right answer is blank.
    """
    texts = [read_text(file).removesuffix("\n").split("\n") for file in (answers, right)]
    if len(texts[0]) != len(texts[1]):
        raise UserError(
            f"{answers} has {len(texts[0])} lines, {right} {len(texts[1])}: they must be as many, a line for "
            "each question."
        )
    predictions, right_texts = (dict(enumerate(lines, start=1)) for lines in texts)
    truth = {line: HumanAnswers(answer_list(text)) for line, text in right_texts.items()}
    similarity = wordnet_similarity()
    return AnswerSetScores(
        num_questions=len(truth),
        accuracy=set_accuracy(predictions, truth).overall,
        wups=wups_scores(predictions, truth, similarity) if similarity else {},
        note="" if similarity else NO_WORDNET,
    )


def results_of(results: Path, annotations: Path, scored: ScoredAnswers) -> dict[str, Any]:
    """Return the content of results.json: all scores and all that they depend on.

    Args:
        results: the file of answers.
        annotations: the file of annotators' answers.
        scored: of these files.

    Returns:
        An object for JSON.
    """
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
    """Write `results.json`, and `per_question.csv` with a line for each question.

    Args:
        folder: where; it is made if needed.
        results: of `results_of`.
        scored: the scores of each question.

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
            for question_id, annotated in scored.truth.items():
                why = scored.explanations[question_id]
                values = [scores.per_question[question_id] for scores in scored.scores.values()]
                rules = [change.rule for change in why.changes]
                about = [question_id, annotated.question_type, annotated.answer_type]
                compared = [why.prediction, why.compared.prediction]
                writer.writerow([*about, *compared, *values, "; ".join(rules), "; ".join(why.decisive)])
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}.") from None
