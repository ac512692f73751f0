"""Evaluation of answers: accuracy, the official results file, and a page of samples."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from captioner.config import Component
from captioner.data.formats.vqa_results import write_vqa_results
from captioner.data.questions.base import QUESTION_SOURCES, QuestionSource
from captioner.data.questions.batches import QuestionData
from captioner.errors import UserError
from captioner.evaluation.base import EVALUATIONS, Evaluation, grey_picture, left_out, write_results
from captioner.inference.vqa import Asked, Reply, answer, draw_glimpses, glimpse_titles
from captioner.insight.samples_page import PageSample, page_note, shown_on_page, write_samples_page
from captioner.metrics.answers.answer_sets import NO_WORDNET, wordnet_similarity, wups_scores
from captioner.metrics.answers.measures import MEASURES
from captioner.metrics.answers.vqa_accuracy import AnswerScores, HumanAnswers
from captioner.models.folder import load_model
from captioner.training.vqa import VQA, as_vqa

DRAWN_SAMPLES = 12


@EVALUATIONS.register("vqa")
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
    """Answer the questions of a split and score the answers.

    `output` gets `results.json`, the official results file, `samples.html` and `attention/`. `data` is
    another question set than the one of the training, `limit` a number of questions. `blank` asks all
    questions a second time about a grey picture: what the model answers without having seen anything.

    A question about a picture that cannot be read has an empty answer, which counts. Questions that nobody
    has answered are answered, but not scored.

    Raises:
        UserError: no model, no such split, no picture of it can be read.
    """
    task = as_vqa(load_model(model), model)
    data = data or task.config.data
    source = QUESTION_SOURCES.build(data)
    asked, truth = _split(source, split, limit)
    started = time.monotonic()
    said, problems = _said(task, progress, asked, truth)
    seconds = time.monotonic() - started
    if not any(said.values()):
        raise UserError(f"No picture of the split {split} can be read.")
    found = _score(source, said, truth)
    columns = {split: found.figures}
    if blank:
        grey = [one._replace(picture="grey", source=grey_picture()) for one in asked]
        columns["blank"] = _score(source, _said(task, progress, grey, truth)[0], truth).figures
    about = {
        "model": str(model),
        "data": data,
        "split": split,
        "questions": len(said),
        "unreadable": problems,
    }
    about |= {"scored": len(found.per_question), "measure": found.measure, "seconds": round(seconds, 1)}
    write_results(output / "results.json", about | {"scores": columns})
    files = {"results": output / "results.json", "answers": output / f"vqa_{split}_results.json"}
    write_vqa_results(files["answers"], said)
    title = f"{found.measure} on {split}, {len(found.per_question)} questions"
    files |= _write_samples(task, dict(zip(truth, asked, strict=True)), truth, found, output, title)
    notes = [*left_out(problems), *found.notes]
    return Evaluation(f"{len(said)} questions", columns, files, notes)


def _split(
    source: QuestionSource, split: str, limit: int | None
) -> tuple[list[Asked], dict[int, HumanAnswers]]:
    """What is asked, and what people answered, by question id in the same order."""
    data = QuestionData(source, source.tables(), Path())
    rows = data.table(split)
    rows = rows.select(range(min(limit or len(rows), len(rows))))
    columns = (rows[key][:] for key in ("path", "question", "choices"))
    asked = [
        Asked(path, source.image(split, path), question, choices)
        for path, question, choices in zip(*columns, strict=True)
    ]
    truth = data.truth(split)
    return asked, {question_id: truth[question_id] for question_id in rows["question_id"][:]}


def _said(
    task: VQA, progress: Any, asked: Sequence[Asked], question_ids: Iterable[int]
) -> tuple[dict[int, str], list[str]]:
    """The answer to each question, and what is wrong with pictures."""
    said, problems = {}, {}
    for question_id, reply in zip(question_ids, progress(answer(task, asked)), strict=True):
        said[question_id] = reply.answers[0].text if reply.answers else ""
        if reply.problem:
            problems[reply.problem] = True
    return said, list(problems)


class _Scored(NamedTuple):
    """The figures of some answers; none where nobody has answered the questions."""

    measure: str
    figures: dict[str, float]
    per_question: dict[int, float]
    notes: list[str]


def _score(source: QuestionSource, said: Mapping[int, str], truth: Mapping[int, HumanAnswers]) -> _Scored:
    measure = MEASURES[source.answers_are]
    answered = {question_id: human for question_id, human in truth.items() if human.answers}
    if not answered:
        return _Scored(measure.name, {}, {}, ["Nobody has answered these questions: nothing is scored."])
    said = {question_id: said[question_id] for question_id in answered}
    scores = measure.score(said, answered)
    figures = {"accuracy": scores.overall, **_by_type(scores, answered)}
    notes = []
    if source.answers_are == "set":
        if likeness := wordnet_similarity():
            wups = wups_scores(said, answered, likeness)
            figures |= {f"WUPS at {threshold}": value for threshold, value in wups.items()}
        else:
            notes.append(NO_WORDNET)
    figures = {name: value / 100 for name, value in figures.items()}
    return _Scored(measure.name, figures, scores.per_question, notes)


def _by_type(scores: AnswerScores, truth: Mapping[int, HumanAnswers]) -> dict[str, float]:
    """Accuracy by type of answer and of question, each with the number of questions."""
    answers = Counter(human.answer_type for human in truth.values())
    questions = Counter(human.question_type for human in truth.values())
    named = [("answer", answers, scores.per_answer_type), ("question", questions, scores.per_question_type)]
    return {
        f"{what} {kind} ({counts[kind]})": value
        for what, counts, values in named
        for kind, value in values.items()
        if kind
    }


def _write_samples(
    task: VQA,
    asked: Mapping[int, Asked],
    truth: Mapping[int, HumanAnswers],
    found: _Scored,
    output: Path,
    title: str,
) -> dict[str, Path]:
    """The page, and the first of its questions with where the model looked; nothing if it does not look."""
    chosen = shown_on_page(found.per_question or dict.fromkeys(asked, 0.0))
    samples: list[PageSample] = []
    for question_id, reply in zip(chosen, answer(task, [asked[i] for i in chosen]), strict=True):
        if reply.encoder_view is None or not reply.answers:
            continue
        if reply.alphas_GL is not None and len(samples) < DRAWN_SAMPLES:
            (output / "attention").mkdir(exist_ok=True)
            draw_glimpses(task, reply).save(output / "attention" / f"{question_id}.png")
        samples.append(_sample(task, question_id, reply, truth[question_id], found))
    if not samples:
        return {}
    title += page_note(found.per_question, "accuracy")
    write_samples_page(output / "samples.html", title, found.figures, samples)
    drawn = {"attention pictures": output / "attention"} if samples[0].alphas is not None else {}
    return {"samples page": output / "samples.html"} | drawn


def _sample(task: VQA, question_id: int, reply: Reply, human: HumanAnswers, found: _Scored) -> PageSample:
    people = Counter(human.answers)
    score = {"accuracy": found.per_question[question_id] / 100} if question_id in found.per_question else {}
    alphas_GL = reply.alphas_GL
    assert reply.encoder_view is not None
    return PageSample(
        image_id=question_id,
        image=reply.encoder_view,
        caption=reply.answers[0].text,
        words=() if alphas_GL is None else glimpse_titles(reply),
        alphas=None if alphas_GL is None else alphas_GL.tolist(),
        grid=task.encoder.grid if task.encoder else (1, 1),
        references=[f"{count} x {text}" if count > 1 else text for text, count in people.most_common()],
        scores=score,
        note=reply.asked.question,
    )
