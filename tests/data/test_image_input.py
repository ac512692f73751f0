"""Images of a batch: from disk, from a store, or none at all."""

import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pillow_calls import count_pillow_calls

from captioner.data.captions.base import CaptionSource
from captioner.data.images import FromDisk, FromStore, NoImages
from captioner.encoders.feature_store.builder import open_store
from captioner.encoders.vgg import VGG
from captioner.encoders.views import View, view_of
from captioner.preprocessing import Preprocessing

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


def test_half_of_the_random_crops_are_mirrored_if_asked_for(paths):
    plain = FromDisk(Files(), "train", PREPROCESSING, augment=True).read(paths[:1] * 40, range(40)).pictures
    flipped = (
        FromDisk(Files(), "train", PREPROCESSING, True, flip=True).read(paths[:1] * 40, range(40)).pictures
    )
    mirrored = [torch.equal(one, other.flip(2)) for one, other in zip(plain, flipped, strict=True)]
    same = [torch.equal(one, other) for one, other in zip(plain, flipped, strict=True)]
    assert [a or b for a, b in zip(mirrored, same, strict=True)] == [True] * 40
    assert 10 < sum(mirrored) < 30


@pytest.mark.parametrize("flip", [False, True])
def test_stored_views_are_the_whole_image_and_fixed_random_crops(paths, tmp_path, flip):
    torch.manual_seed(1)
    encoder = VGG(11, width=0.04, layer="conv1_1", weights=None, image_size=32, resize="squash").eval()
    # By their names alone: a crop depends on the name, and two of them may be alike.
    names = [f"{number}.png" for number in range(len(paths))]
    views = [view_of(*one, number, flip) for one in zip(names, paths, strict=True) for number in range(3)]
    store = open_store(encoder, views, tmp_path / "store")
    assert len({view.key for view in views}) == len(store) == 15
    reader = FromStore(store, views=3, flip=flip)
    drawn = [reader.read(names[1:2], [seed]).pictures[0] for seed in range(30)]
    with Image.open(paths[1]) as image, torch.no_grad():
        whole_LF = encoder(encoder.preprocessing(image).unsqueeze(0))[0]
    kinds = {one.sum().item(): one for one in drawn}
    assert len(kinds) == 3
    assert sum(torch.allclose(one, whole_LF, atol=1e-2) for one in kinds.values()) == 1
    again = reader.read(names[1:2], [17]).pictures[0]
    assert torch.equal(again, drawn[17]), "the view depends on the seed alone"
    assert torch.equal(FromStore(store).read(names[1:2], [17]).pictures[0], store.read(names[1:2])[0])


def test_crops_of_a_view_are_crops_of_the_image(paths):
    with Image.open(paths[0]) as image:
        whole = View("a", paths[0]).pixels(PREPROCESSING, image)
        crops = [view_of("a", paths[0], number, flip=False).pixels(PREPROCESSING, image) for number in (1, 2)]
        assert torch.equal(whole, PREPROCESSING(image))
        assert not torch.equal(crops[0], crops[1])
        assert torch.equal(crops[0], view_of("a", paths[0], 1, flip=False).pixels(PREPROCESSING, image))


def test_views_are_mirrored_where_the_random_crop_of_their_key_is(paths):
    mirrored = 0
    with Image.open(paths[2]) as image:
        for number in range(1, 9):
            view = view_of("a", paths[2], number, flip=True)
            seed = zlib.crc32(view.key.encode())
            plain, flipped = (
                PREPROCESSING.augmented(image, torch.Generator().manual_seed(seed), flip)
                for flip in (False, True)
            )
            assert torch.equal(view.pixels(PREPROCESSING, image), flipped)
            mirrored += not torch.equal(plain, flipped)
    assert 0 < mirrored < 8
