"""Captioned pictures as batches: words, choice of captions, broken files, augmentation."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from captioner.data.captions.base import CaptionSource, table
from captioner.data.captions.batches import CaptionBatch, CaptionItems, pad, with_captions
from captioner.data.images import FromDisk
from captioner.data.loader import SampleIndex
from captioner.errors import UserError
from captioner.preprocessing import Preprocessing
from captioner.vocabulary import BOS, EOS, PAD, UNK, Vocabulary

CAPTIONS = [
    ["a cat", "the red cat sat", "a dog", "cat", "a red dog sat"],
    ["A dog!", "the zebra sat"],
    ["a red cat sat on the red dog", "a"],
    ["dog"],
]
VOCABULARY = Vocabulary.from_texts([["a", "the", "red", "cat", "dog", "sat", "on"]])


class Files(CaptionSource):
    def tables(self):
        raise AssertionError("the rows are given")


@pytest.fixture
def rows(tmp_path):
    """Four pictures that differ in every pixel and have ids of their own."""
    listed = []
    for number, captions in enumerate(CAPTIONS):
        path = tmp_path / f"{number}.png"
        random = torch.Generator().manual_seed(number)
        pixels = torch.randint(0, 256, (30, 40 + number, 3), generator=random, dtype=torch.uint8)
        Image.fromarray(pixels.numpy()).save(path)
        listed.append({"image_id": 100 - 7 * number, "path": str(path), "captions": captions})
    return table(listed)


def items(rows, *, per_image=2, max_words=6, seed=3, augment=False):
    pixels = FromDisk(Files(), "train", Preprocessing(size=16, resize="crop", resize_size=20), augment)
    return CaptionItems(rows, pixels, VOCABULARY, per_image, max_words, seed)


def batch(made, numbers=(0, 1, 2, 3), epoch=0) -> CaptionBatch:
    return made.__getitems__([SampleIndex(epoch, number) for number in numbers])


def texts(tokens_KT):
    return [" ".join(VOCABULARY.decode(row)) for row in tokens_KT.tolist()]


def by_id(found: CaptionBatch):
    return dict(zip(found.image_ids_B.tolist(), found.tokens_BKT, strict=True))


def test_a_caption_is_its_words_between_the_signs(rows):
    found = by_id(batch(items(rows, per_image=5)))
    first = [row[row != PAD].tolist() for row in found[100]]
    assert sorted(first) == sorted([BOS, *VOCABULARY.encode(c.lower().split()), EOS] for c in CAPTIONS[0])
    assert [row.tolist()[:4] for row in found[93]][:2] == [
        [BOS, *VOCABULARY.encode(["a", "dog"]), EOS],
        [BOS, VOCABULARY.encode(["the"])[0], UNK, VOCABULARY.encode(["sat"])[0]],
    ]


def test_a_caption_that_was_cut_has_no_end(rows):
    tokens_KT = by_id(batch(items(rows, max_words=4)))[86]
    words = ["a", "red", "cat", "sat", "on", "the", "red", "dog"]
    assert [BOS, *VOCABULARY.encode(words[:4])] in tokens_KT[:, :5].tolist()
    ends = (tokens_KT == EOS).sum(dim=1).tolist()
    assert sorted(ends) == [0, 1]


def test_fewer_captions_than_asked_for_are_taken_in_turn(rows):
    found = by_id(batch(items(rows, per_image=3)))
    assert texts(found[93]) == ["a dog", "the <unk> sat", "a dog"]
    assert texts(found[79]) == ["dog"] * 3


def test_of_more_captions_every_epoch_takes_others(rows):
    made, again, other = items(rows), items(rows), items(rows, seed=4)
    chosen = [texts(by_id(batch(made, epoch=epoch))[100]) for epoch in range(8)]
    assert chosen == [texts(by_id(batch(again, [0], epoch))[100]) for epoch in range(8)]
    assert chosen != [texts(by_id(batch(other, [0], epoch))[100]) for epoch in range(8)]
    assert {text for pair in chosen for text in pair} == set(CAPTIONS[0])
    assert all(len(set(pair)) == 2 for pair in chosen)


def test_the_longest_captions_come_first(rows):
    for epoch in range(4):
        found = batch(items(rows), [3, 1, 0, 2], epoch)
        longest = (found.tokens_BKT != PAD).sum(dim=2).amax(dim=1).tolist()
        assert longest == sorted(longest, reverse=True)
        assert sorted(found.image_ids_B.tolist()) == [79, 86, 93, 100]


def test_pictures_stay_with_their_captions(rows):
    found = batch(items(rows))
    prepare = Preprocessing(size=16, resize="crop", resize_size=20)
    for image_id, pixels_CHW in zip(found.image_ids_B.tolist(), found.pictures, strict=True):
        with Image.open(rows[(100 - image_id) // 7]["path"]) as picture:
            assert torch.equal(pixels_CHW, prepare(picture))


def test_a_broken_picture_is_left_out_and_named_once(rows, capsys):
    broken = rows[1]["path"]
    Path(broken).write_text("no picture")
    made = items(rows)
    for epoch in range(3):
        found = batch(made, epoch=epoch)
        assert sorted(found.image_ids_B.tolist()) == [79, 86, 100]
        assert len(found.pictures) == len(found.tokens_BKT) == 3
        assert texts(by_id(found)[79]) == ["dog"] * 2
    said = capsys.readouterr().err
    assert said.count(broken) == 1
    assert said.count("left out") == 1


def test_a_batch_of_broken_pictures_only_is_an_empty_one(rows, capsys):
    Path(rows[1]["path"]).write_text("no picture")
    found = batch(items(rows), [1])
    assert len(found.image_ids_B) == len(found.pictures) == len(found.tokens_BKT) == 0


def test_augmentation_depends_on_seed_epoch_and_picture_alone(rows):
    def pixels(seed, epoch, numbers):
        found = batch(items(rows, seed=seed, augment=True), numbers, epoch)
        return dict(zip(found.image_ids_B.tolist(), found.pictures, strict=True))[93]

    torch.manual_seed(1)
    first = pixels(3, 0, [0, 1, 2, 3])
    torch.manual_seed(2)
    assert torch.equal(pixels(3, 0, [3, 1]), first)
    views = [pixels(seed, epoch, [1]) for seed in (3, 4) for epoch in range(4)]
    assert len({view.numpy().tobytes() for view in views}) > 4
    plain = batch(items(rows), [1], 0).pictures[0]
    assert any(not torch.equal(view, plain) for view in views)


def test_rows_without_a_caption_are_left_out_and_counted(capsys):
    listed = [
        {"image_id": n, "path": f"{n}.png", "captions": c} for n, c in enumerate([["a"], [], ["b"], []])
    ]
    assert with_captions(table(listed), "val")["image_id"][:] == [0, 2]
    assert "val: 2 pictures without a caption left out" in capsys.readouterr().err
    assert len(with_captions(table(listed[:1]), "val")) == 1
    assert capsys.readouterr().err == ""
    with pytest.raises(UserError, match="No picture of the split val has a caption"):
        with_captions(table(listed[1:2]), "val")


def test_pad_fills_up_to_the_longest():
    tokens_BKT = pad([[[1, 5, 2], [1, 2]], [[1, 4, 6, 7, 2], [1]]], 2)
    expected = [[[1, 5, 2, 0, 0], [1, 2, 0, 0, 0]], [[1, 4, 6, 7, 2], [1, 0, 0, 0, 0]]]
    assert tokens_BKT.tolist() == expected
    assert pad([], 3).shape == (0, 3, 2)
