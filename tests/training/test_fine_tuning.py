"""Start from a trained captioner: by --from, with stored views, and with self-critical training."""

import pytest
import torch
from conftest import ROOT
from runs import newest, rows, stop_after
from safetensors.torch import load_file

from captioner.commands import main
from captioner.config import load
from captioner.errors import UserError
from captioner.models.folder import load_model
from captioner.training import train as training

QUICK = ["trainer.max_epochs=1", "trainer.enable_progress_bar=false", "trainer.accelerator=cpu"]


@pytest.fixture
def self_critical(tiny, tiny_model):
    """A run of self-critical training from a model with random weights."""
    trained = tiny_model("caption")
    config = load(trained / "config.yaml")
    tiny.decoder, tiny.encoder, tiny.task = config.decoder, config.encoder, config.task
    tiny.data = config.data
    tiny.objective = {"name": "self_critical", "samples": 3, "max_length": 6}
    tiny.training.init_from = str(trained)
    tiny.training.monitor = "val/cider_d"
    tiny.optimizer = {"name": "adam", "lr": 1e-3}
    return tiny


@pytest.mark.parametrize("updates", [2, 7])
def test_self_critical_training_resumes_bit_for_bit(self_critical, tmp_path, monkeypatch, updates):
    whole = training.train(self_critical, tmp_path / "whole")
    with monkeypatch.context() as patch:
        stop_after(patch, updates)
        assert training.train(self_critical, tmp_path / "parts").interrupted
    resumed = training.train(load(tmp_path / "parts/config.yaml"), tmp_path / "parts", resume=True)
    after, expected = (newest(tmp_path / name)["state_dict"] for name in ("parts", "whole"))
    assert [name for name in expected if not torch.equal(after[name], expected[name])] == []
    assert resumed.best == whole.best
    assert any(float(row["train/reward_epoch"] or 0) > 0 for row in rows(tmp_path / "whole"))


def test_a_resumed_run_reads_features_of_the_encoder_that_it_started_from(
    self_critical, tmp_path, monkeypatch
):
    """A frozen encoder's weights are those of the trained model, not what the config makes."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    del self_critical.encoder["fine_tune_from"]
    training.train(self_critical, tmp_path / "whole")
    with monkeypatch.context() as patch:
        stop_after(patch, 3)
        training.train(self_critical, tmp_path / "parts")
    training.train(load(tmp_path / "parts/config.yaml"), tmp_path / "parts", resume=True)
    after, expected = (newest(tmp_path / name)["state_dict"] for name in ("parts", "whole"))
    assert [name for name in expected if not torch.equal(after[name], expected[name])] == []
    assert len(list((tmp_path / "cache/captioner/features").iterdir())) == 1, "one store"


def test_self_critical_training_needs_a_model_to_start_from(self_critical, tmp_path):
    self_critical.training.init_from = None
    with pytest.raises(UserError, match=r"starts from a trained model: set training\.init_from"):
        training.train(self_critical, tmp_path / "run")


def test_from_keeps_the_words_of_the_model_and_adds_new_ones(tiny_model, tmp_path, monkeypatch, capsys):
    """Known words keep their vectors: with a learning rate of next to nothing they do not move."""
    from PIL import Image

    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(6):
        Image.new("RGB", (40, 30), (40 * number, 90, 50)).save(photos / f"{number}.png")
    texts = ["a zeppelin above a red field", "a red zeppelin"]
    lines = [f"{n}.png,{text},{'val' if n == 5 else 'train'}" for n in range(6) for text in texts]
    (photos / "captions.csv").write_text("\n".join(["image,caption,split", *lines]))
    trained = tiny_model("caption")
    words = ["--task", "caption", "--from", str(trained), "data.name=folder", f"data.folder={photos}"]
    main(
        "train",
        [
            *words,
            "--output",
            str(tmp_path / "run"),
            "optimizer.lr=1e-30",
            "training.views=null",
            "training.flip=false",
            *QUICK,
        ],
    )
    before, after = load_model(trained), load_model(tmp_path / "run/model")
    known = len(before.vocabulary)
    assert after.vocabulary.words[:known] == before.vocabulary.words
    assert set(after.vocabulary.words[known:]) == {"zeppelin", "field", "above"} - set(
        before.vocabulary.words
    )
    assert "zeppelin" in after.vocabulary.words[known:]
    for name in ("words.weight", "output.weight", "output.bias"):
        assert torch.equal(after.decoder.state_dict()[name][:known], before.decoder.state_dict()[name])
    assert after.config.decoder == before.config.decoder
    assert "warning" not in capsys.readouterr().err, "the encoder is a trained one"


def test_photographs_are_not_learnt_from_nothing_in_silence(tiny, tmp_path, capsys):
    from PIL import Image

    for number in range(4):
        Image.new("RGB", (40, 30), (60 * number, 90, 50)).save(tmp_path / f"{number}.png")
    lines = [f"{n}.png,a red field,{'val' if n == 3 else 'train'}" for n in range(4)]
    (tmp_path / "captions.csv").write_text("\n".join(["image,caption,split", *lines]))
    tiny.data = {"name": "folder", "folder": str(tmp_path)}
    training.train(tiny, tmp_path / "run")
    assert "3 pictures are too few to learn to see photographs from" in capsys.readouterr().err


def test_views_of_a_fine_tuned_encoder_are_stored_below_its_first_trained_layer(
    tiny, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tiny.encoder = {
        "name": "timm",
        "model": "resnet18",
        "layer": "layer2",
        "image_size": 32,
        "resize": "squash",
        "fine_tune_from": "layer2",
        "learning_rate": 1e-3,
    }
    tiny.training.views, tiny.training.flip = 2, True
    result = training.train(tiny, tmp_path / "run")
    error = capsys.readouterr().err
    assert "pictures are read every epoch" not in error
    sizes = sorted(int(line.split()[2]) for line in error.splitlines() if line.startswith("features of"))
    assert sizes == [tiny.data["num_val"], 2 * tiny.data["num_train"]]
    trained = load_file(result.model / "model.safetensors")
    start = load_model(result.model).encoder.state_dict()
    assert any("layer2" in name for name in trained)
    assert torch.equal(trained["encoder.net.layer1.0.conv1.weight"], start["net.layer1.0.conv1.weight"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["training.views=0"], "training.views must be at least 1 or null, not 0"),
        (["training.views=2", "training.augment=true"], "choose one"),
        (["training.flip=true"], "it needs training.augment or training.views=2"),
    ],
)
def test_views_that_contradict_are_refused(tiny_scenes, tmp_path, changes, message):
    from conftest import TINY

    with pytest.raises(UserError, match=message):
        training.train(
            load(ROOT / "configs/caption.yaml", [*TINY, f"data.folder={tiny_scenes}", *changes]),
            tmp_path / "run",
        )
