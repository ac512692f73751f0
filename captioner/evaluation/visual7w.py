"""Evaluation of chosen answers: accuracy by type of question, and the official results file."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from captioner.config import Component
from captioner.data.formats.visual7w_results import Result, write_visual7w_results
from captioner.data.questions.base import QUESTION_SOURCES, QuestionSource
from captioner.data.questions.multiple_choice import MultipleChoiceQuestion, asked_of_pictures
from captioner.errors import UserError
from captioner.evaluation.base import EVALUATIONS, Evaluation, grey_picture, left_out, write_results
from captioner.images import ImageSource
from captioner.inference.visual7w import Chosen, choose
from captioner.metrics.answers.choice_accuracy import ChoiceScores, Truth, choice_accuracy
from captioner.models.folder import load_model
from captioner.training.multiple_choice import MultipleChoiceTask, as_multiple_choice


@EVALUATIONS.register("visual7w_pointing")
@EVALUATIONS.register("visual7w")
def evaluate(
    model: Path,
    output: Path,
    *,
    data: Component | None = None,
    split: str = "test",
    limit: int | None = None,
    blank: bool = False,
    progress: Any = iter,
) -> Evaluation:
    """Choose an answer to every question of a split.

    `output` gets `results.json` and the official results file. `data` is another question set than the one
    of the training, `limit` a number of questions. `blank` asks all questions a second time about a grey
    picture: what is chosen without having seen anything.

    A question about a picture that cannot be read is answered wrongly.

    Raises:
        UserError: no model, no such split, no picture of it can be read.
    """
    task = as_multiple_choice(load_model(model), model)
    data = data or task.config.data
    shown = _split(task, QUESTION_SOURCES.build(data), split, limit)
    started = time.monotonic()
    found = list(progress(choose(task, shown.pictures, shown.asked)))
    seconds = time.monotonic() - started
    scores = _scores(found, shown.truth)
    if scores.num_unanswered == len(shown.truth):
        raise UserError(f"No picture of the split {split} can be read.")
    columns = {split: _figures(scores)}
    if blank:
        grey = dict.fromkeys(shown.pictures, grey_picture())
        columns["blank"] = _figures(_scores(list(progress(choose(task, grey, shown.asked))), shown.truth))
    problems = list(dict.fromkeys(one.problem for one in found if one.problem))
    about = {"model": str(model), "data": data, "split": split, "questions": len(shown.truth)}
    about |= {"questions_by_type": scores.num_questions, "unanswered": scores.num_unanswered}
    about |= {"unreadable": problems, "seconds": round(seconds, 1), "scores": columns}
    write_results(output / "results.json", about)
    files = {"results": output / "results.json", "answers": output / f"visual7w_{split}_results.json"}
    write_visual7w_results(files["answers"], _results(found))
    notes = left_out(problems)
    if scores.num_unanswered:
        notes.append(f"{scores.num_unanswered:,} questions about these pictures count as answered wrongly.")
    return Evaluation(f"{len(shown.truth):,} questions", columns, files, notes)


class _Split(NamedTuple):
    pictures: dict[str, ImageSource]
    asked: dict[str, list[MultipleChoiceQuestion]]
    truth: dict[int, Truth]


def _split(task: MultipleChoiceTask, source: QuestionSource, split: str, limit: int | None) -> _Split:
    data = task.data_class(source, source.tables(), Path())
    rows = data.table(split)
    asked = asked_of_pictures(rows.select(range(min(limit or len(rows), len(rows)))))
    truth = data.truth(split)
    truth = {one.question_id: truth[one.question_id] for own in asked.values() for one in own}
    return _Split({path: source.image(split, path) for path in asked}, asked, truth)


def _scores(found: Sequence[Chosen], truth: Mapping[int, Truth]) -> ChoiceScores:
    return choice_accuracy(
        {one.asked.question_id: one.choice for one in found if one.choice is not None}, truth
    )


def _figures(scores: ChoiceScores) -> dict[str, float]:
    """Accuracy of all, and by type with the number of questions."""
    kinds = {f"{kind} ({scores.num_questions[kind]})": share for kind, share in scores.per_type.items()}
    return {"accuracy": scores.overall} | dict(sorted(kinds.items()))


def _results(found: Sequence[Chosen]) -> list[Result]:
    return [
        Result(one.asked.question_id, one.asked.question, int(one.choice) if one.asked.boxes else one.choice)
        for one in found
        if one.choice is not None
    ]
