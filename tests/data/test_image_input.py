"""Images of a batch: from disk, from a store, or none at all."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pillow_calls import count_pillow_calls

from captioner.data.captions.base import CaptionSource
from captioner.data.images import FromDisk, NoImages
from captioner.images import Preprocessing

PREPROCESSING = Preprocessing(12, "crop", 15)


class Files(CaptionSource):
    def tables(self):
        raise AssertionError("the paths are given")


@pytest.fixture
def paths(tmp_path):
    """Five images of different sizes and pixels."""
    random, listed = np.random.default_rng(3), []
    for number in range(5):
        path = tmp_path / f"{number}.png"
        Image.fromarray(random.integers(0, 256, (20 + number, 30, 3), dtype=np.uint8)).save(path)
        listed.append(str(path))
    return listed


@pytest.fixture
def work(monkeypatch):
    return count_pillow_calls(monkeypatch)


@pytest.mark.parametrize("augment", [False, True])
def test_each_image_is_decoded_and_resized_once(paths, work, augment):
    found = FromDisk(Files(), "train", PREPROCESSING, augment).read(paths, range(5))
    assert found.pictures.shape == (5, 3, 12, 12)
    assert work == {"open": 5, "resize": 5}


def test_an_image_that_was_unreadable_takes_no_place_of_another(paths, capsys):
    Path(paths[1]).write_bytes(b"no picture")
    Path(paths[3]).unlink()
    found = FromDisk(Files(), "train", PREPROCESSING, augment=False).read(paths, [0] * 5)
    assert found.good == [0, 2, 4]
    for place, pixels_CHW in zip(found.good, found.pictures, strict=True):
        with Image.open(paths[place]) as image:
            assert torch.equal(pixels_CHW, PREPROCESSING(image))
    assert capsys.readouterr().err.count("left out: ") == 2


def test_a_random_crop_depends_on_the_seed_of_its_image_alone(paths):
    read = FromDisk(Files(), "train", PREPROCESSING, augment=True).read
    together = read(paths, [7, 8, 9, 10, 11]).pictures
    alone = [read([path], [seed]).pictures[0] for path, seed in zip(paths, range(7, 12), strict=True)]
    assert torch.equal(together, torch.stack(alone))
    assert not torch.equal(read(paths[:1] * 9, range(9)).pictures, together[:1].expand(9, -1, -1, -1))


def test_no_images_are_read_for_a_model_without_any(paths, work):
    found = NoImages().read(paths, range(5))
    assert (found.good, found.pictures.shape) == ([0, 1, 2, 3, 4], (5, 0, 0))
    assert work == {"open": 0, "resize": 0}
