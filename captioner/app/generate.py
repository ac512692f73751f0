"""Pictures to captions with a trained model: one way for evaluation and for the command line."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from PIL import Image

from captioner.device import best_device
from captioner.errors import UserError
from captioner.images import ImageSource, UnreadableImage, load_image
from captioner.search.base import Hypothesis, Search
from captioner.tasks.caption import CaptionTask

BATCH_SIZE = 32


class Caption(NamedTuple):
    """A sentence for a picture."""

    words: list[str]
    log_probability: float
    word_log_probabilities: list[float]
    finished: bool
    alphas_TL: Any | None  # a numpy array

    @property
    def text(self) -> str:
        """The sentence as one string."""
        return " ".join(self.words)


class Captioned(NamedTuple):
    """A picture with its captions, the best first; or why it has none."""

    name: str
    captions: list[Caption]
    shown: Image.Image | None  # what the encoder saw of it
    problem: str | None


def generate(
    task: CaptionTask, search: Search, pictures: Sequence[tuple[str, ImageSource]], n_best: int = 1
) -> Iterator[Captioned]:
    """Caption named pictures in batches, in order. One that cannot be read comes back with its problem."""
    device = best_device()
    task.to(device)
    for start in range(0, len(pictures), BATCH_SIZE):
        yield from _batch(task, search, pictures[start : start + BATCH_SIZE], n_best, device)


def _batch(
    task: CaptionTask,
    search: Search,
    pictures: Sequence[tuple[str, ImageSource]],
    n_best: int,
    device: torch.device,
) -> list[Captioned]:
    preprocessing = task.encoder.preprocessing
    read: list[Captioned] = []
    pixels = []
    for name, source in pictures:
        try:
            image = load_image(source)
        except UnreadableImage as problem:
            read.append(Captioned(name, [], None, str(problem)))
            continue
        pixels.append(preprocessing(image))
        read.append(Captioned(name, [], preprocessing.shown(image), None))
    if not pixels:
        return read
    with torch.inference_mode():
        found = iter(search(task.decoder, task.features(torch.stack(pixels).to(device)), n_best))
    return [
        one if one.problem else one._replace(captions=[_caption(task, h) for h in next(found)])
        for one in read
    ]


def _caption(task: CaptionTask, hypothesis: Hypothesis) -> Caption:
    return Caption(
        task.vocabulary.decode(hypothesis.tokens),
        hypothesis.log_probability,
        hypothesis.word_log_probabilities,
        hypothesis.finished,
        None if hypothesis.alphas_TL is None else hypothesis.alphas_TL.float().numpy(),
    )


def as_captioner(task: Any, folder: object) -> CaptionTask:
    """The task of a loaded model, if it writes captions.

    Raises:
        UserError: it does something else.
    """
    if not isinstance(task, CaptionTask):
        raise UserError(f"{folder} holds a model for the task {task.config.task['name']}, not caption.")
    return task
