"""The threaded reader: every image once, in order, one batch ahead, and no thread left behind."""

import io
import threading

import numpy as np
import pytest
from PIL import Image

from captioner import image_reader
from captioner.image_reader import read_batches, read_images

TOO_LONG = 30  # seconds; only reached where the reader is wrong


def png(number):
    """A file of a size and a colour of its own."""
    file = io.BytesIO()
    Image.new("RGB", (number + 1, number + 2), (number, 0, 2 * number)).save(file, "PNG")
    return file.getvalue()


def numbered(count):
    return [(f"key{number}", png(number)) for number in range(count)]


def described(key, image):
    return key, image.size, image.getpixel((0, 0))


def expected(number):
    return f"key{number}", (number + 1, number + 2), (number, 0, 2 * number)


@pytest.fixture
def decoded(monkeypatch):
    """The sources that were decoded so far."""
    real, seen = image_reader.load_image, []

    def load_image(source, min_side):
        seen.append(source)
        return real(source, min_side)

    monkeypatch.setattr(image_reader, "load_image", load_image)
    return seen


def test_images_come_in_order_whichever_is_read_first():
    last_is_read = threading.Event()

    def transform(key, image):
        if key == "key0":
            assert last_is_read.wait(TOO_LONG)
        if key == "key3":
            last_is_read.set()
        return described(key, image)

    assert image_reader.NUM_THREADS >= 2
    found = read_images(numbered(4), transform)
    assert [one.value for one in found] == [expected(number) for number in range(4)]
    assert [one.key for one in found] == ["key0", "key1", "key2", "key3"]


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"), [(7, 3, [3, 3, 1]), (6, 3, [3, 3]), (2, 5, [2]), (0, 4, [])]
)
def test_batches_are_the_images_cut_in_order(count, batch_size, sizes):
    batches = list(read_batches(iter(numbered(count)), described, batch_size))
    assert [len(batch) for batch in batches] == sizes
    assert [one.value for batch in batches for one in batch] == [expected(number) for number in range(count)]
    assert read_images(numbered(count), described) == [one for batch in batches for one in batch]


def test_an_unreadable_image_has_a_problem_and_stops_no_other(tmp_path):
    images = numbered(6)
    images[1] = ("broken", images[1][1][:40])
    images[4] = ("gone", tmp_path / "gone.png")
    (first, second) = read_batches(images, described, 3)
    assert [one.key for one in first + second] == ["key0", "broken", "key2", "key3", "gone", "key5"]
    for one, number in zip(first + second, range(6), strict=True):
        assert (one.value is None) == (one.problem is not None) == (number in (1, 4))
        assert number in (1, 4) or one.value == expected(number)
    assert str(first[1].problem).startswith("The picture of 40 bytes cannot be read: ")
    assert second[1].problem == f"The picture {tmp_path / 'gone.png'} cannot be read: there is no such file."


def test_each_image_is_decoded_once(decoded):
    images = numbered(7)
    assert len(list(read_batches(images, described, 2))) == 4
    assert sorted(decoded) == sorted(source for _, source in images)
    decoded.clear()
    read_images(images, described)
    assert sorted(decoded) == sorted(source for _, source in images)


def test_the_next_batch_is_read_while_the_first_is_used_and_no_further():
    taken, done = [], {number: threading.Event() for number in range(9)}

    def images():
        for number, pair in enumerate(numbered(9)):
            taken.append(number)
            yield pair

    def transform(key, image):
        done[int(key.removeprefix("key"))].set()

    batches = read_batches(images(), transform, 2)
    for ready in (4, 6, 8, 9, 9):
        next(batches)
        assert all(done[number].wait(TOO_LONG) for number in range(ready))
        assert taken == list(range(ready)), "or a whole data set would be in memory"
    assert next(batches, None) is None


def test_closing_early_leaves_no_thread_and_reads_no_more(decoded):
    before = set(threading.enumerate())
    batches = read_batches(numbered(400), described, 150)
    next(batches)
    batches.close()
    assert set(threading.enumerate()) == before
    assert 150 <= len(decoded) <= 300


def test_what_was_not_begun_is_cancelled(decoded, monkeypatch):
    monkeypatch.setattr(image_reader, "NUM_THREADS", 1)
    begun, going_on = threading.Event(), threading.Event()

    def transform(key, image):
        if key == "key2":
            begun.set()
            assert going_on.wait(TOO_LONG)

    batches = read_batches(numbered(100), transform, 2)
    monkeypatch.setattr(image_reader.ThreadPoolExecutor, "shutdown", let_go(going_on))
    next(batches)
    assert begun.wait(TOO_LONG)
    batches.close()
    assert len(decoded) == 3, "the fourth image was queued behind the third"


def let_go(event):
    """The executor's `shutdown`, which frees the blocked thread only after the queue was cancelled."""
    real = image_reader.ThreadPoolExecutor.shutdown

    def shutdown(self, wait=True, *, cancel_futures=False):
        real(self, wait=False, cancel_futures=cancel_futures)
        event.set()
        real(self, wait=wait)

    return shutdown


def test_an_error_of_the_transform_is_raised_and_leaves_no_thread():
    before = set(threading.enumerate())

    def transform(key, image):
        if key == "key5":
            raise ZeroDivisionError(key)

    batches = read_batches(numbered(30), transform, 4)
    next(batches)
    with pytest.raises(ZeroDivisionError, match="key5"):
        list(batches)
    assert set(threading.enumerate()) == before


def test_paths_bytes_images_and_arrays_are_read_alike(tmp_path):
    pixels = np.random.default_rng(2).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    image, path = Image.fromarray(pixels), tmp_path / "picture.png"
    image.save(path)
    sources = [path, str(path), path.read_bytes(), image, pixels, np.asfortranarray(pixels)]
    found = read_images(list(enumerate(sources)), lambda _, one: np.asarray(one))
    assert len(found) == 6
    assert all(np.array_equal(one.value, pixels) for one in found)
