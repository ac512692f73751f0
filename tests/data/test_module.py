"""The splits for a task: words from training alone, and features stored where that is right."""

from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from captioner.data.captions.batches import CaptionData
from captioner.data.captions.scenes import Scenes
from captioner.encoders.base import ENCODERS
from captioner.errors import UserError
from captioner.images import load_image
from captioner.metrics.tokenization.ptb import tokenize
from captioner.training.data_module import DataModule
from captioner.vocabulary import SPECIAL


@pytest.fixture
def source(tiny):
    return Scenes(**{key: value for key, value in tiny.data.items() if key != "name"})


@pytest.fixture
def data(source, tmp_path):
    return CaptionData(source, source.tables(), tmp_path / "cache")


def connect(data, tiny, fine_tune_from, augment=False):
    torch.manual_seed(4)
    encoder = ENCODERS.build(tiny.encoder | {"fine_tune_from": fine_tune_from})
    tiny.training.augment = augment
    data.connect(encoder, data.vocabulary(1, None), tiny.training, seed=2)
    data.setup()
    return encoder


def test_words_are_those_of_training_alone(data):
    train = {word for own in data.tables["train"]["captions"] for c in own for word in tokenize(c)}
    assert set(data.vocabulary(1, None).words) == train | set(SPECIAL)
    data.tables = {**data.tables, "train": data.tables["train"].select([0])}
    fewer = {word for c in data.tables["train"][0]["captions"] for word in tokenize(c)}
    assert set(data.vocabulary(1, None).words) == fewer | set(SPECIAL)
    assert len(fewer) < len(train)
    assert len(data.vocabulary(1, 3)) == len(SPECIAL) + 3


def test_references_are_what_people_said(data):
    rows = data.tables["test"]
    assert data.references("test") == {row["image_id"]: row["captions"] for row in rows}


@pytest.mark.parametrize(
    ("fine_tune_from", "augment", "stored", "said"),
    [
        (None, False, True, ""),
        (None, True, False, "training.augment is on: features are not stored"),
        ("conv4_1", False, False, "the encoder is trained: features are not stored"),
        ("conv4_1", True, False, "the encoder is trained: features are not stored"),
    ],
)
def test_features_are_stored_where_they_never_change(
    data, tiny, capsys, fine_tune_from, augment, stored, said
):
    connect(data, tiny, fine_tune_from, augment)
    error = capsys.readouterr().err
    assert ("features are not stored" in error) == (not stored)
    assert said in error
    batch = next(iter(data.training_loader()))
    assert batch.pictures.ndim == (3 if stored else 4)
    assert data.cache.exists() == stored
    assert getattr(data.train.pictures, "augment", False) == augment
    assert not getattr(data.val.pictures, "augment", False)


def test_stored_features_are_those_of_the_encoder(data, tiny):
    encoder = connect(data, tiny, None).eval()
    seen = []
    for split, loader in (("train", data.training_loader()), ("val", data.validation_loader())):
        paths = dict(zip(data.tables[split]["image_id"][:], data.tables[split]["path"][:], strict=True))
        for batch in loader:
            ids = batch.image_ids_B.tolist()
            images_BCHW = torch.stack([encoder.preprocessing(load_image(paths[i])) for i in ids])
            with torch.no_grad():
                features_BLF = encoder(images_BCHW)
            torch.testing.assert_close(batch.pictures, features_BLF, rtol=2e-3, atol=2e-4)
            seen += ids
        assert sorted(paths) == sorted(seen[-len(paths) :])
    assert features_BLF.std() > 0.01, "or the comparison says nothing"


def test_validation_is_the_same_every_time(data, tiny):
    """Else val/loss would depend on how often it was asked for, and on whether a run was stopped."""
    tiny.training.captions_per_image = 2
    connect(data, tiny, "conv4_1")
    loader = data.validation_loader()
    passes = [[batch.tokens_BKT.tolist() for batch in loader] for _ in range(3)]
    assert passes[0] == passes[1] == passes[2]


def test_a_resumed_run_sees_the_batches_that_the_stopped_one_did_not(data, source, tiny, tmp_path):
    connect(data, tiny, None)
    stopped = DataModule(data)
    loader = stopped.train_dataloader()
    expected = [batch.tokens_BKT for _ in range(2) for batch in loader]
    stopped = DataModule(data)
    batches = iter(stopped.train_dataloader())
    seen = [next(batches).tokens_BKT for _ in range(2)]
    size = tiny.training.batch_size
    position = {"epoch": 0, "batches": 2, "samples": 2 * size, "ended": False}
    assert stopped.state_dict() == {"position": position, "fingerprint": data.fingerprint()}
    again = CaptionData(source, source.tables(), tmp_path / "cache")
    connect(again, tiny, None)
    resumed = DataModule(again)
    resumed.load_state_dict(stopped.state_dict())
    loader = resumed.train_dataloader()
    seen += [batch.tokens_BKT for _ in range(2) for batch in loader]
    assert len(seen) == len(expected) == 2 * len(loader)
    assert all(torch.equal(*pair) for pair in zip(seen, expected, strict=True))
    position |= {"epoch": 1, "batches": len(loader), "samples": len(again.train)}
    assert resumed.state_dict()["position"] == position


def test_processes_share_the_samples_of_the_trainer(data, tiny):
    connect(data, tiny, None)
    ids = []
    for rank in range(3):
        module = DataModule(data)
        module.trainer = SimpleNamespace(global_rank=rank, world_size=3)
        module.setup("fit")
        ids.append([i for batch in module.train_dataloader() for i in batch.image_ids_B.tolist()])
    assert [len(own) for own in ids] == [9, 9, 8]
    assert sorted(i for own in ids for i in own) == sorted(data.tables["train"]["image_id"])


def test_a_split_that_is_not_there_is_refused(data):
    with pytest.raises(UserError, match=r"no split 'vla'\. Did you mean val"):
        data.table("vla")


@pytest.mark.parametrize(("fine_tune_from", "augment"), [(None, False), (None, True), ("conv4_1", False)])
def test_a_split_without_a_picture_that_can_be_read_is_refused(
    source, tiny, tmp_path, fine_tune_from, augment
):
    tables = {
        split: rows.map(lambda row: row | {"path": f"{tmp_path}/{row['image_id']}.png"})
        for split, rows in source.tables().items()
    }
    first = next(iter(tables["train"]["path"]))
    data = CaptionData(source, tables, tmp_path / "cache")
    with pytest.raises(UserError, match=f"No picture of the split train can be read; the first: .*{first}"):
        connect(data, tiny, fine_tune_from, augment)
    for rows in tables.values():  # the last of each is enough
        Image.new("RGB", (9, 9)).save(rows["path"][len(rows) - 1])
    connect(data, tiny, fine_tune_from, augment)
    assert sum(len(batch.pictures) for batch in data.validation_loader()) == 1
