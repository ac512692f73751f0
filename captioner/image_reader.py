"""Read images in threads, in order; the next batch is read while one is used."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from PIL import Image

from captioner.images import ImageSource, UnreadableImage, load_image

Key = TypeVar("Key")
Value = TypeVar("Value")

NUM_THREADS = max(2, min(16, os.cpu_count() or 1))
"""As many as there are cores: Pillow decodes outside the interpreter's lock."""


class ReadImage(NamedTuple, Generic[Key, Value]):
    """An image after its transform, or the reason why there is none."""

    key: Key
    value: Value | None
    problem: str | None  # a sentence; None where the image was read


def read_images(
    images: Sequence[tuple[Key, ImageSource]],
    transform: Callable[[Key, Image.Image], Value],
    min_side: int | None = None,
) -> list[ReadImage[Key, Value]]:
    """Decode each image once and transform it, several at a time.

    Args:
        images: sources of images, each with a key that names it.
        transform: the work to do on the key and the decoded RGB image; it runs in the reading thread.
        min_side: pixels that each side must keep, as for `load_image`.

    Returns:
        One entry an image, in order; `problem` is set where the image cannot be read.
    """
    batches = read_batches(images, transform, max(1, len(images)), min_side=min_side)
    return [one for batch in batches for one in batch]


def read_batches(
    images: Iterable[tuple[Key, ImageSource]],
    transform: Callable[[Key, Image.Image], Value],
    batch_size: int,
    ahead: bool = True,
    min_side: int | None = None,
) -> Iterator[list[ReadImage[Key, Value]]]:
    """Decode and transform images batch by batch.

    Args:
        images: sources of images, each with a key that names it; taken from the iterable as they are needed,
            so that a long list of encoded images need not be in memory at once.
        transform: the work to do on the key and the decoded RGB image; it runs in the reading thread.
        batch_size: images of a batch; the last one may have fewer.
        ahead: whether the next batch is read while this one is used. A model that computes on all cores of a
            CPU is slowed down by it more than reading is hidden.
        min_side: pixels that each side must keep, as for `load_image`.

    Yields:
        Batches of entries, in order; `problem` is set where an image cannot be read.
    """

    def read(key: Key, source: ImageSource) -> ReadImage[Key, Value]:
        try:
            image = load_image(source, min_side)
        except UnreadableImage as error:
            return ReadImage(key, None, str(error))
        return ReadImage(key, transform(key, image), None)

    remaining = iter(images)
    with ThreadPoolExecutor(NUM_THREADS) as pool:
        pending: list[list[Future[ReadImage[Key, Value]]]] = []
        try:
            while batch := list(islice(remaining, batch_size)):
                pending.append([pool.submit(read, key, source) for key, source in batch])
                if len(pending) > ahead:
                    yield [future.result() for future in pending.pop(0)]
            for last in pending:
                yield [future.result() for future in last]
        finally:
            pool.shutdown(cancel_futures=True)
