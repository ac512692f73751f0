"""Training the character model end to end: what is left behind, going on, and a loss that is no number."""

import csv
import json

import pytest
import torch
from conftest import ROOT

from captioner.app import train as app
from captioner.app.places import config_file
from captioner.config import load
from captioner.data.streams import TextBatch
from captioner.errors import UserError
from captioner.tasks.callbacks import StopOnRequest
from captioner.tasks.char_lm import CharLM
from captioner.tasks.folder import load_model

TEXT = "".join(f"{a} times {b} is {a * b}.\n" for a in range(12) for b in range(12))
SMALL = [
    "data.chunk_length=20",
    "data.val_fraction=0.1",
    "data.validation_streams=2",
    "training.batch_size=7",
    "decoder.embed_dim=5",
    "decoder.dropout=0.3",
    "schedule.warmup=2",
    "trainer.max_epochs=2",
    "trainer.enable_progress_bar=false",
    "trainer.accelerator=cpu",
    "trainer.log_every_n_steps=1",
    'decoder.cell={"name": "stacked", "hidden_dim": 9, "dropout": 0.2}',
]


@pytest.fixture
def small(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    return load(config_file("char-lm"), [*SMALL, f"data.path={tmp_path / 'text.txt'}"])


def rows(folder):
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def stop_after(monkeypatch, updates):
    real = StopOnRequest.on_train_batch_end

    def ask(self, trainer, *rest):
        self.asked = trainer.global_step == updates
        real(self, trainer, *rest)

    monkeypatch.setattr(StopOnRequest, "on_train_batch_end", ask)


def newest(folder):
    return torch.load(folder / "last.ckpt", weights_only=True)


@pytest.mark.parametrize("when", [0.3, 1.0, 1.6])
def test_going_on_equals_not_having_stopped_bit_for_bit(small, tmp_path, monkeypatch, when):
    """Stopped in the first epoch, at its end, in the second: weights, streams' state, losses."""
    whole = app.train(small, tmp_path / "whole")
    an_epoch = newest(tmp_path / "whole")["global_step"] // 2
    assert an_epoch > 5
    with monkeypatch.context() as patch:
        stop_after(patch, int(when * an_epoch))
        assert app.train(small, tmp_path / "parts").interrupted
    before = newest(tmp_path / "parts")
    assert [tuple(leaf.shape) for leaf in before["carried"]] == [(7, 9)] * 4
    resumed = app.train(load(tmp_path / "parts/config.yaml"), tmp_path / "parts", resume=True)
    one, other = newest(tmp_path / "whole"), newest(tmp_path / "parts")
    assert all(torch.equal(one["state_dict"][name], other["state_dict"][name]) for name in one["state_dict"])
    assert all(torch.equal(*leaves) for leaves in zip(one["carried"], other["carried"], strict=True))
    assert resumed.best == whole.best
    expected, found = (
        {r["step"]: r["train/loss_step"] for r in rows(tmp_path / n)} for n in ("whole", "parts")
    )
    assert len(found) >= len(expected) - 1, "the update under way when it was stopped has no row"
    assert found.items() <= expected.items()


def test_a_run_killed_without_warning_goes_on_from_its_last_epoch(small, tmp_path, monkeypatch):
    app.train(small, tmp_path / "whole")
    updates = newest(tmp_path / "whole")["global_step"]

    def die(self, trainer, *rest):
        if trainer.global_step == updates - 2:
            raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(StopOnRequest, "on_train_batch_end", die)
        with pytest.raises(MemoryError):
            app.train(small, tmp_path / "killed")
    app.train(small, tmp_path / "killed", resume=True)
    one, other = newest(tmp_path / "whole")["state_dict"], newest(tmp_path / "killed")["state_dict"]
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_leaves_the_same_folders_as_any(small, tmp_path):
    small.task["sample_every"] = 8
    result = app.train(small, tmp_path / "run")
    assert load(tmp_path / "run/config.yaml") == small
    assert {f.name for f in result.model.iterdir()} == {
        "model.safetensors", "config.yaml", "vocabulary.json", "card.json",
    }  # fmt: skip
    card = json.loads((result.model / "card.json").read_text())
    assert card["text"]["characters"] == len(TEXT)
    assert card["validation"]["val/loss_low"] < card["validation"]["val/loss"]
    assert {"train/loss_step", "train/bits_per_character_step", "val/bits_per_character"} <= set(
        rows(tmp_path / "run")[0]
    )
    samples = (tmp_path / "run/samples.txt").read_text()
    assert samples.startswith("---- update 8 ----\n")
    task = load_model(result.model)
    assert isinstance(task, CharLM)
    assert task.alphabet.symbols == sorted(set(TEXT))
    assert task.text == card["text"]


def test_samples_do_not_change_training(small, tmp_path):
    app.train(small, tmp_path / "quiet")
    small.task["sample_every"] = 3
    app.train(small, tmp_path / "loud")
    one, other = newest(tmp_path / "quiet")["state_dict"], newest(tmp_path / "loud")["state_dict"]
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_text_is_learnt_by_heart(small, tmp_path):
    small.decoder["dropout"] = 0.0
    small.decoder["cell"] = {"name": "lstm", "hidden_dim": 48}
    small.trainer["max_epochs"] = 15
    small.optimizer["lr"] = 0.02
    (tmp_path / "text.txt").write_text("to be, or not to be: that is the question.\n" * 100)
    assert app.train(small, tmp_path / "run").best < 0.1


def test_a_loss_that_is_no_number_stops_and_keeps_what_was_good(small, tmp_path, monkeypatch):
    real = CharLM.loss
    an_epoch = []

    def spoilt(self, batch: TextBatch):
        if self.training and self.current_epoch == 1 and not batch.starts:
            an_epoch.append(self.global_step)
            self.decoder.output.bias.data.fill_(float("nan"))
        return real(self, batch)

    monkeypatch.setattr(CharLM, "loss", spoilt)
    with pytest.raises(UserError) as error:
        app.train(small, tmp_path / "run")
    assert f"The loss became nan at update {an_epoch[0] + 1}, in epoch 2" in str(error.value)
    assert newest(tmp_path / "run")["global_step"] == an_epoch[0] - 1
    assert all(p.isfinite().all() for p in load_model(tmp_path / "run/model").parameters())


def test_several_devices_are_refused(small, tmp_path):
    task, _ = CharLM.prepare(small, tmp_path)

    class Two:
        world_size = 2

    task._trainer = Two()
    task._fabric = None
    with pytest.raises(UserError, match=r"trainer.devices=1"):
        task.setup("fit")


def test_the_command_line_writes_the_task_with_a_hyphen_or_as_in_the_config():
    assert config_file("char-lm") == config_file("char_lm") == ROOT / "configs/char-lm.yaml"
    with pytest.raises(UserError, match="Did you mean char-lm"):
        config_file("char-lmm")
