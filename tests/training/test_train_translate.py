"""Training a translator end to end: it learns, resumes where it was stopped, and leaves a whole folder."""

import csv
import json

import pytest
import torch
from conftest import ROOT

from captioner.config import load
from captioner.models.folder import load_model
from captioner.models.translate import TranslationModel
from captioner.training import train as training
from captioner.training.callbacks import StopOnRequest

SMALL = [
    "data.num_pairs=120",
    "data.val_fraction=0.15",
    "text_encoder.cell.hidden_dim=8",
    "text_encoder.dropout=0.2",
    "decoder.cell.hidden_dim=9",
    "decoder.embed_dim=7",
    "decoder.attention_dim=6",
    "decoder.dropout=0.3",
    "search.max_length=12",
    "training.batch_size=16",
    "schedule.warmup=2",
    "trainer.max_epochs=2",
    "trainer.enable_progress_bar=false",
    "trainer.accelerator=cpu",
    "trainer.log_every_n_steps=1",
]


@pytest.fixture
def small():
    return load(ROOT / "configs/translate.yaml", SMALL)


def newest(folder):
    return torch.load(folder / "last.ckpt", weights_only=True)


@pytest.mark.parametrize("when", [0.4, 1.0, 1.7])
def test_a_resumed_run_equals_one_that_was_not_stopped_bit_for_bit(small, tmp_path, monkeypatch, when):
    """Stopped in the first epoch, at its end, in the second."""
    whole = training.train(small, tmp_path / "whole")
    an_epoch = newest(tmp_path / "whole")["global_step"] // 2
    assert an_epoch > 5
    real = StopOnRequest.on_train_batch_end

    def ask(self, trainer, *rest):
        self.requested = trainer.global_step == int(when * an_epoch)
        real(self, trainer, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(StopOnRequest, "on_train_batch_end", ask)
        assert training.train(small, tmp_path / "parts").interrupted
    before = newest(tmp_path / "parts")["state_dict"]
    resumed = training.train(load(tmp_path / "parts/config.yaml"), tmp_path / "parts", resume=True)
    one, other = (newest(tmp_path / name)["state_dict"] for name in ("whole", "parts"))
    assert not all(torch.equal(before[name], one[name]) for name in one)
    assert [name for name in one if not torch.equal(one[name], other[name])] == []
    assert resumed.best == whole.best


def test_a_run_leaves_the_same_folders_as_any(small, tmp_path, capsys):
    result = training.train(small, tmp_path / "run")
    said = capsys.readouterr().err
    assert "data       phrases: pairs train " in said
    assert (
        "encoder    reads in both directions; the decoder is given its outputs, 16 numbers a symbol" in said
    )
    assert load(tmp_path / "run/config.yaml") == small
    assert {file.name for file in result.model.iterdir()} == {
        "model.safetensors", "config.yaml", "vocabulary.json", "card.json",
    }  # fmt: skip
    card = json.loads((result.model / "card.json").read_text())
    assert {"val/exact", "val/error_rate", "val/loss", "val/cut"} <= set(card["validation"])
    assert card["data"] == small.data
    model = load_model(result.model)
    assert isinstance(model, TranslationModel)
    words = json.loads((result.model / "vocabulary.json").read_text())
    assert model.symbols.vocabulary.words == model.vocabulary.words == words
    assert {"5", "o", " "} <= set(words)


@pytest.mark.parametrize(
    ("source_features", "decoder", "unit"),
    [("outputs", "show_attend_tell", "characters"), ("state", "show_tell", "words")],
)
def test_pairs_are_learnt_by_heart(small, tmp_path, source_features, decoder, unit):
    """The whole path learns: symbols, encoder, what is shown, decoder, loss, search."""
    pairs = {
        "one fish": "a b",
        "two fish": "b",
        "red": "c b a",
        "blue fish": "c c",
        "no": "a",
        "one red": "b a c",
    }
    lines = [f"{source}\t{target}\ttrain" for source, target in pairs.items()]
    (tmp_path / "pairs.tsv").write_text("\n".join([*lines, "red one\tc b\tval"]))
    small.data = {"name": "phrases", "path": str(tmp_path / "pairs.tsv"), "test_fraction": 0.0}
    small.task |= {"source_features": source_features, "unit": unit}
    small.text_encoder = {"cell": {"name": "gru", "hidden_dim": 24}, "embed_dim": 12}
    small.decoder = {
        "name": decoder,
        "cell": {"name": "gru", "hidden_dim": 24},
        "embed_dim": 12,
        "dropout": 0.0,
    }
    small.trainer |= {"max_epochs": 60, "check_val_every_n_epoch": 60}
    small.optimizer["lr"] = 0.02
    training.train(small, tmp_path / "run")
    with (tmp_path / "run/metrics.csv").open() as file:
        losses = [float(row["train/loss_epoch"]) for row in csv.DictReader(file) if row["train/loss_epoch"]]
    assert losses[0] > 1.5
    assert losses[-1] < 0.05
