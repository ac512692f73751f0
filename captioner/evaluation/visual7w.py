"""Evaluate chosen answers: accuracy by type of question, and the official results file."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from captioner.config import Component
from captioner.data.formats.visual7w_results import Result, write_visual7w_results
from captioner.data.questions.base import QUESTION_SOURCES, QuestionSource
from captioner.data.questions.choices import MultipleChoiceQuestion, questions_by_path
from captioner.data.questions.multiple_choice import MultipleChoiceData
from captioner.data.questions.pointing import PointingData
from captioner.data.questions.telling import TellingData
from captioner.data.splits import first_rows
from captioner.errors import UserError
from captioner.evaluation.base import (
    EVALUATIONS,
    Evaluation,
    grey_picture,
    unreadable_notes,
    write_results,
)
from captioner.images import ImageSource
from captioner.inference.visual7w import Chooser, Chosen
from captioner.metrics.answers.choice_accuracy import ChoiceScores, Truth, choice_accuracy
from captioner.precision import Precision


class ChoiceSplit(NamedTuple):
    """The images of a split by path, the questions about each, and the right answers."""

    images: dict[str, ImageSource]
    questions: dict[str, list[MultipleChoiceQuestion]]
    truth: dict[int, Truth]


@EVALUATIONS.register("visual7w")
def evaluate(
    model: Path,
    output: Path,
    *,
    data: Component | None = None,
    split: str = "test",
    limit: int | None = None,
    blank: bool = False,
    precision: Precision = "auto",
    progress: Any = iter,
) -> Evaluation:
    """Choose an answer to every question of a split; a question about an unreadable image counts as wrong.

    Args:
        model: the model folder.
        output: the folder that gets `results.json` and the official results file.
        data: another question set than that of the training.
        split: its split.
        limit: the number of questions; all by default.
        blank: whether all questions are asked a second time about a grey image: what is chosen without the
            image.
        precision: that the model computes in.
        progress: wraps the sequence of choices, for a progress bar.

    Returns:
        Figures and files.

    Raises:
        UserError: no model, no such split, no image of it can be read.
    """
    chooser = Chooser(model, precision=precision)
    data = data or chooser.model.config.data
    wanted = _split(chooser, QUESTION_SOURCES.build(data), split, limit)
    started = time.monotonic()
    found = list(progress(chooser.choose(wanted.images, wanted.questions)))
    seconds = time.monotonic() - started
    scores = _scores(found, wanted.truth)
    if scores.num_unanswered == len(wanted.truth):
        raise UserError(f"No picture of the split {split} can be read.")
    columns = {split: _figures(scores)}
    if blank:
        grey = dict.fromkeys(wanted.images, grey_picture())
        chosen = list(progress(chooser.choose(grey, wanted.questions)))
        columns["blank"] = _figures(_scores(chosen, wanted.truth))
    problems = list(dict.fromkeys(one.problem for one in found if one.problem))
    about = {"model": str(model), "data": data, "split": split, "questions": len(wanted.truth)}
    about |= {"questions_by_type": scores.num_questions, "unanswered": scores.num_unanswered}
    about |= {"unreadable": problems, "precision": chooser.precision}
    about |= {"seconds": round(seconds, 1), "scores": columns}
    write_results(output / "results.json", about)
    files = {"results": output / "results.json", "answers": output / f"visual7w_{split}_results.json"}
    write_visual7w_results(files["answers"], _results(found))
    notes = unreadable_notes(problems)
    if scores.num_unanswered:
        notes.append(f"{scores.num_unanswered:,} questions about these pictures count as answered wrongly.")
    return Evaluation(f"{len(wanted.truth):,} questions", columns, files, notes)


def _split(chooser: Chooser, source: QuestionSource, split: str, limit: int | None) -> ChoiceSplit:
    kind: type[MultipleChoiceData[Any]] = PointingData if chooser.model.chooses_boxes else TellingData
    data = kind(source, source.tables(), Path())
    questions = questions_by_path(first_rows(data.table(split), limit))
    truth = data.truth(split)
    truth = {one.question_id: truth[one.question_id] for own in questions.values() for one in own}
    return ChoiceSplit({path: source.image(split, path) for path in questions}, questions, truth)


def _scores(found: Sequence[Chosen], truth: Mapping[int, Truth]) -> ChoiceScores:
    chosen = {one.question.question_id: one.choice for one in found if one.choice is not None}
    return choice_accuracy(chosen, truth)


def _figures(scores: ChoiceScores) -> dict[str, float]:
    """Accuracy of all, and by type with the number of questions."""
    kinds = {f"{kind} ({scores.num_questions[kind]})": share for kind, share in scores.per_type.items()}
    return {"accuracy": scores.overall} | dict(sorted(kinds.items()))


def _results(found: Sequence[Chosen]) -> list[Result]:
    return [
        Result(
            one.question.question_id,
            one.question.question,
            int(one.choice) if one.question.boxes else one.choice,
        )
        for one in found
        if one.choice is not None
    ]
