"""Pictures to captions with a trained model: one way for evaluation and for the command line."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from PIL import Image

from captioner.device import best_device
from captioner.errors import UserError
from captioner.images import ImageSource, UnreadableImage, load_image
from captioner.search.base import Search
from captioner.search.hypothesis import Hypothesis
from captioner.search.stepping.ensemble import Ensemble
from captioner.search.stepping.policy import StepModel
from captioner.search.trace import SearchTrace, TraceEvent
from captioner.training.caption import CaptionTask

BATCH_SIZE = 32


class Caption(NamedTuple):
    """A sentence for a picture."""

    words: list[str]
    log_prob: float
    word_log_probs: list[float]
    finished: bool
    alphas_TL: Any | None  # a numpy array
    score: float  # what the search ranks by
    group: int  # of diverse beam search
    proven: bool | None  # of exact search

    @property
    def text(self) -> str:
        """The sentence as one string."""
        return " ".join(self.words)


class Captioned(NamedTuple):
    """A picture with its captions, the best first; or why it has none."""

    name: str
    captions: list[Caption]
    encoder_view: Image.Image | None  # what the encoder saw of it
    problem: str | None
    events: Sequence[TraceEvent] = ()  # what the search did, if that was recorded


def generate(
    task: CaptionTask,
    search: Search,
    pictures: Sequence[tuple[str, ImageSource]],
    n_best: int = 1,
    *,
    others: Sequence[CaptionTask] = (),
    record: bool = False,
) -> Iterator[Captioned]:
    """Caption named pictures in batches, in order. One that cannot be read comes back with its problem.

    `others` speak with `task` as one; `record` keeps what the search did.
    """
    device = best_device()
    tasks = [one.to(device) for one in (task, *others)]
    for start in range(0, len(pictures), BATCH_SIZE):
        trace = SearchTrace() if record else None
        yield from _batch(tasks, search, pictures[start : start + BATCH_SIZE], n_best, trace)


def _batch(
    tasks: Sequence[CaptionTask],
    search: Search,
    pictures: Sequence[tuple[str, ImageSource]],
    n_best: int,
    trace: SearchTrace | None,
) -> list[Captioned]:
    read: list[Captioned] = []
    images: list[Image.Image] = []
    for name, source in pictures:
        try:
            images.append(load_image(source))
        except UnreadableImage as problem:
            read.append(Captioned(name, [], None, str(problem)))
            continue
        read.append(Captioned(name, [], tasks[0].encoder.preprocessing.encoder_view(images[-1]), None))
    if not images:
        return read
    with torch.inference_mode():
        features = tuple(task.encode_images(images) for task in tasks)
        several = len(tasks) > 1
        model: StepModel = Ensemble([task.decoder for task in tasks]) if several else tasks[0].decoder
        found = search(model, features if several else features[0], n_best, trace)
    answers = iter(enumerate(found))
    return [one if one.problem else _answered(tasks[0], one, *next(answers), trace) for one in read]


def _answered(
    task: CaptionTask, one: Captioned, number: int, found: list[Hypothesis], trace: SearchTrace | None
) -> Captioned:
    events = trace.of_image(number) if trace else ()
    return one._replace(captions=[_caption(task, h) for h in found], events=events)


def _caption(task: CaptionTask, hypothesis: Hypothesis) -> Caption:
    return Caption(
        task.vocabulary.decode(hypothesis.tokens),
        hypothesis.log_prob,
        hypothesis.word_log_probs,
        hypothesis.finished,
        None if hypothesis.alphas_TL is None else hypothesis.alphas_TL.float().numpy(),
        hypothesis.score,
        hypothesis.group,
        hypothesis.proven,
    )


def as_captioner(task: Any, folder: object) -> CaptionTask:
    """The task of a loaded model, if it writes captions.

    Raises:
        UserError: it does something else.
    """
    if not isinstance(task, CaptionTask):
        raise UserError(f"{folder} holds a model for the task {task.config.task['name']}, not caption.")
    return task
