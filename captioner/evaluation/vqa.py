"""Evaluate answers: accuracy, the official results file, and a page of samples."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from captioner.config import Component
from captioner.data.formats.vqa_results import write_vqa_results
from captioner.data.questions.base import QUESTION_SOURCES, QuestionSource
from captioner.data.questions.batches import annotator_answers
from captioner.data.splits import first_rows, rows_of
from captioner.errors import UserError
from captioner.evaluation.base import (
    EVALUATIONS,
    Evaluation,
    grey_picture,
    unreadable_notes,
    write_results,
)
from captioner.inference.question_predictor import ImageQuestion, Reply
from captioner.inference.vqa import Answerer, glimpse_titles
from captioner.insight.samples_page import PageSample, page_note, shown_on_page, write_samples_page
from captioner.metrics.answers.answer_sets import NO_WORDNET, wordnet_similarity, wups_scores
from captioner.metrics.answers.measures import MEASURES
from captioner.metrics.answers.vqa_accuracy import AnswerScores, HumanAnswers
from captioner.precision import Precision

DRAWN_SAMPLES = 12


class ScoredReplies(NamedTuple):
    """The figures of some answers; none where nobody has answered the questions."""

    measure: str
    figures: dict[str, float]
    per_question: dict[int, float]
    notes: list[str]


@EVALUATIONS.register("vqa")
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
    """Answer the questions of a split and score the answers.

    A question about an unreadable image has an empty answer, which counts. Questions that nobody has answered
    are answered, but not scored.

    Args:
        model: the model folder.
        output: the folder that gets `results.json`, the official results file, `samples.html` and
            `attention/`.
        data: another question set than that of the training.
        split: its split.
        limit: the number of questions; all by default.
        blank: whether all questions are asked a second time about a grey image: what the model answers
            without the image.
        precision: that the model computes in.
        progress: wraps the sequence of replies, for a progress bar.

    Returns:
        Figures and files.

    Raises:
        UserError: no model, no such split, no image of it can be read.
    """
    answerer = Answerer(model, n_best=1, precision=precision)
    data = data or answerer.model.config.data
    source = QUESTION_SOURCES.build(data)
    questions, truth = _split(source, split, limit)
    started = time.monotonic()
    answers, problems = _answers(answerer, progress, questions, truth)
    seconds = time.monotonic() - started
    if not any(answers.values()):
        raise UserError(f"No picture of the split {split} can be read.")
    scored = _score(source, answers, truth)
    columns = {split: scored.figures}
    if blank:
        columns["blank"] = _score(source, _blank(answerer, progress, questions, truth), truth).figures
    about = {"model": str(model), "data": data, "split": split, "questions": len(answers)}
    about |= {"unreadable": problems, "scored": len(scored.per_question), "measure": scored.measure}
    about |= {"precision": answerer.precision, "seconds": round(seconds, 1)}
    write_results(output / "results.json", about | {"scores": columns})
    files = {"results": output / "results.json", "answers": output / f"vqa_{split}_results.json"}
    write_vqa_results(files["answers"], answers)
    title = f"{scored.measure} on {split}, {len(scored.per_question)} questions"
    by_id = dict(zip(truth, questions, strict=True))
    files |= _write_samples(answerer, by_id, truth, scored, output, title)
    notes = [*unreadable_notes(problems), *scored.notes]
    return Evaluation(f"{len(answers)} questions", columns, files, notes)


def _split(
    source: QuestionSource, split: str, limit: int | None
) -> tuple[list[ImageQuestion], dict[int, HumanAnswers]]:
    """Questions, and what people answered, by question id in the same order."""
    rows = first_rows(rows_of(source.tables(), split), limit)
    columns = (rows[key][:] for key in ("path", "question", "choices"))
    questions = [
        ImageQuestion(path, source.image(split, path), question, choices)
        for path, question, choices in zip(*columns, strict=True)
    ]
    return questions, annotator_answers(rows)


def _answers(
    answerer: Answerer, progress: Any, questions: Sequence[ImageQuestion], question_ids: Iterable[int]
) -> tuple[dict[int, str], list[str]]:
    """The answer to each question, and what is wrong with images."""
    answers, problems = {}, {}
    for question_id, reply in zip(question_ids, progress(answerer.stream(questions)), strict=True):
        answers[question_id] = reply.text
        if reply.problem:
            problems[reply.problem] = True
    return answers, list(problems)


def _blank(
    answerer: Answerer, progress: Any, questions: Sequence[ImageQuestion], question_ids: Iterable[int]
) -> dict[int, str]:
    grey = [one._replace(name="grey", source=grey_picture()) for one in questions]
    return _answers(answerer, progress, grey, question_ids)[0]


def _score(
    source: QuestionSource, answers: Mapping[int, str], truth: Mapping[int, HumanAnswers]
) -> ScoredReplies:
    measure = MEASURES[source.answers_are]
    answered = {question_id: human for question_id, human in truth.items() if human.answers}
    if not answered:
        note = "Nobody has answered these questions: nothing is scored."
        return ScoredReplies(measure.name, {}, {}, [note])
    answers = {question_id: answers[question_id] for question_id in answered}
    scores = measure.score(answers, answered)
    figures = {"accuracy": scores.overall, **_by_type(scores, answered)}
    notes = []
    if source.answers_are == "set":
        if likeness := wordnet_similarity():
            wups = wups_scores(answers, answered, likeness)
            figures |= {f"WUPS at {threshold}": value for threshold, value in wups.items()}
        else:
            notes.append(NO_WORDNET)
    figures = {name: value / 100 for name, value in figures.items()}
    return ScoredReplies(measure.name, figures, scores.per_question, notes)


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
    answerer: Answerer,
    questions: Mapping[int, ImageQuestion],
    truth: Mapping[int, HumanAnswers],
    scored: ScoredReplies,
    output: Path,
    title: str,
) -> dict[str, Path]:
    """The page, and attention pictures of its first questions; nothing for a model that uses no image."""
    chosen = shown_on_page(scored.per_question or dict.fromkeys(questions, 0.0))
    samples: list[PageSample] = []
    for question_id, reply in zip(chosen, answerer.stream([questions[i] for i in chosen]), strict=True):
        if reply.encoder_view is None or not reply.answers:
            continue
        if reply.alphas_GL is not None and len(samples) < DRAWN_SAMPLES:
            (output / "attention").mkdir(exist_ok=True)
            answerer.draw(reply).save(output / "attention" / f"{question_id}.png")
        samples.append(_sample(answerer, question_id, reply, truth[question_id], scored))
    if not samples:
        return {}
    title += page_note(scored.per_question, "accuracy")
    write_samples_page(output / "samples.html", title, scored.figures, samples)
    drawn = {"attention pictures": output / "attention"} if samples[0].alphas is not None else {}
    return {"samples page": output / "samples.html"} | drawn


def _sample(
    answerer: Answerer, question_id: int, reply: Reply, human: HumanAnswers, scored: ScoredReplies
) -> PageSample:
    people = Counter(human.answers)
    per_question = scored.per_question
    score = {"accuracy": per_question[question_id] / 100} if question_id in per_question else {}
    alphas_GL, encoder = reply.alphas_GL, answerer.model.encoder
    assert reply.encoder_view is not None
    return PageSample(
        image_id=question_id,
        image=reply.encoder_view,
        caption=reply.text,
        words=() if alphas_GL is None else glimpse_titles(reply),
        alphas=None if alphas_GL is None else alphas_GL.tolist(),
        grid=encoder.grid if encoder else (1, 1),
        references=[f"{count} x {text}" if count > 1 else text for text, count in people.most_common()],
        scores=score,
        note=reply.question.question,
    )
