"""Read images in threads, in their order, one batch ahead of what is done with them."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, NamedTuple, TypeVar

from PIL import Image

from captioner.images import ImageSource, UnreadableImage, load_image

Key = TypeVar("Key")
Value = TypeVar("Value")

NUM_THREADS = max(4, min(16, os.cpu_count() or 1))
"""More than cores, since disks wait; Pillow decodes outside the interpreter's lock."""


class ReadImage(NamedTuple, Generic[Key, Value]):
    """An image after its transform, or the reason why there is none."""

    key: Key
    value: Value | None
    problem: str | None


def read_images(
    images: Sequence[tuple[Key, ImageSource]], transform: Callable[[Key, Image.Image], Value]
) -> list[ReadImage[Key, Value]]:
    """Decode each image once and transform it, several at a time.

    Args:
        images: sources of images, each with a key that names it.
        transform: the work to do on the key and the decoded RGB image; it runs in the reading thread.

    Returns:
        One entry an image, in order; `problem` is set where the image cannot be read.
    """
    (read,) = read_batches(images, transform, max(1, len(images))) if images else ([],)
    return read


def read_batches(
    images: Sequence[tuple[Key, ImageSource]],
    transform: Callable[[Key, Image.Image], Value],
    batch_size: int,
) -> Iterator[list[ReadImage[Key, Value]]]:
    """Decode and transform images batch by batch; the next batch is read while this one is used.

    Args:
        images: sources of images, each with a key that names it.
        transform: the work to do on the key and the decoded RGB image; it runs in the reading thread.
        batch_size: images of a batch; the last one may have fewer.

    Yields:
        Batches of entries, in order; `problem` is set where an image cannot be read.
    """

    def read(key: Key, source: ImageSource) -> ReadImage[Key, Value]:
        try:
            image = load_image(source)
        except UnreadableImage as error:
            return ReadImage(key, None, str(error))
        return ReadImage(key, transform(key, image), None)

    with ThreadPoolExecutor(min(NUM_THREADS, max(1, len(images)))) as pool:
        ahead: list[list[Future[ReadImage[Key, Value]]]] = []
        try:
            for start in range(0, len(images), batch_size):
                batch = images[start : start + batch_size]
                ahead.append([pool.submit(read, key, source) for key, source in batch])
                if len(ahead) == 2:
                    yield [future.result() for future in ahead.pop(0)]
            for last in ahead:
                yield [future.result() for future in last]
        finally:
            pool.shutdown(cancel_futures=True)
