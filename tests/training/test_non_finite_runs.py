"""Losses and weights that are not finite: what stops, what is left; the check makes no GPU wait."""

import sys

import pytest
import torch
from conftest import TEXT
from runs import newest, rows, stop_after
from torch.utils._python_dispatch import TorchDispatchMode

from captioner.data.text.streams import TextBatch
from captioner.errors import UserError
from captioner.models.folder import load_model
from captioner.training import train as training
from captioner.training.callbacks import StopOnRequest
from captioner.training.char_lm import CharLMTask
from captioner.training.logs.progress import ProgressBar


def spoil(monkeypatch, epoch, batch_number):
    """The weights become NaN before the loss of one batch is computed; returns the updates done by then."""
    real, when = CharLMTask.loss, []

    def non_finite(self, batch: TextBatch):
        if self.training and self.current_epoch == epoch and self.trainer.fit_loop.batch_idx == batch_number:
            when.append(self.global_step)
            self.model.decoder.output.bias.data.fill_(float("nan"))
        return real(self, batch)

    monkeypatch.setattr(CharLMTask, "loss", non_finite)
    return when


@pytest.mark.parametrize(
    ("batch_number", "options"),
    [(1, {}), (10, {"accumulate_grad_batches": 3}), (3, {"val_check_interval": 5})],
)
def test_a_loss_that_is_no_number_stops_and_keeps_what_was_good(
    tiny_text, tmp_path, monkeypatch, batch_number, options
):
    tiny_text.trainer |= options
    when = spoil(monkeypatch, 1, batch_number)
    with pytest.raises(UserError) as error:
        training.train(tiny_text, tmp_path / "run")
    assert f"The loss became nan at update {when[0] + 1}, in epoch 2" in str(error.value)
    left = newest(tmp_path / "run")
    assert left["global_step"] < when[0]
    assert all(weight.isfinite().all() for weight in left["state_dict"].values())
    assert all(p.isfinite().all() for p in load_model(tmp_path / "run/model").parameters())


def test_few_updates_are_made_after_it(tiny_text, tmp_path, monkeypatch):
    (tmp_path / "text.txt").write_text(4 * TEXT)
    spoil(monkeypatch, 0, 20)
    with pytest.raises(UserError, match="nan at update 21, in epoch 1"):
        training.train(tiny_text, tmp_path / "run")
    assert len(rows(tmp_path / "run")) < 20 + 16


def test_it_is_noticed_before_a_sample_is_drawn_or_a_stop_is_saved(tiny_text, tmp_path, monkeypatch):
    tiny_text.task["sample_every"] = 3
    with monkeypatch.context() as patch:
        spoil(patch, 0, 1)
        with pytest.raises(UserError, match="nan at update 2, in epoch 1"):
            training.train(tiny_text, tmp_path / "run")
    tiny_text.task["sample_every"] = 0
    with monkeypatch.context() as patch:
        spoil(patch, 0, 1)
        stop_after(patch, 4)
        with pytest.raises(UserError, match="nan at update 2, in epoch 1"):
            training.train(tiny_text, tmp_path / "other")
    assert newest(tmp_path / "other")["global_step"] == 1, "the file of the first update, which was right"


def test_weights_that_the_last_update_of_an_epoch_spoils_are_not_saved(tiny_text, tmp_path, monkeypatch):
    """The loss before it was a number."""

    def overflow(self, trainer, *rest):
        if trainer.current_epoch == 1 and trainer.is_last_batch:
            trainer.lightning_module.model.decoder.output.bias.data[3] = float("inf")

    monkeypatch.setattr(StopOnRequest, "on_train_batch_end", overflow)
    with pytest.raises(UserError, match=r"Weights are not finite after update \d+, in epoch 2"):
        training.train(tiny_text, tmp_path / "run")
    assert all(weight.isfinite().all() for weight in newest(tmp_path / "run")["state_dict"].values())


class Reads(TorchDispatchMode):
    """Counts numbers that are read one by one from tensors: each read makes a GPU wait."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.filterwarnings("ignore:The number of training batches")
def test_updates_read_no_number_but_what_the_bar_shows(tiny_text, tmp_path, monkeypatch):
    """Short text and long, without anything to validate: as many reads."""
    tiny_text.data["val_fraction"] = 0.0
    tiny_text.optimizer = {"name": "sgd", "lr": 0.1}  # torch's Adam counts on the CPU
    tiny_text.trainer |= {"log_every_n_steps": 1000, "max_epochs": 1}
    counts = []
    for times in (1, 3):
        (tmp_path / "text.txt").write_text(times * TEXT)
        with Reads() as reads:
            training.train(tiny_text, tmp_path / f"run{times}")
        counts.append(reads.count)
    assert counts[0] == counts[1]
    tiny_text.trainer["enable_progress_bar"] = True
    monkeypatch.setattr(ProgressBar, "SECONDS", 1000)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with Reads() as reads:
        training.train(tiny_text, tmp_path / "run")
    assert reads.count == counts[0] + 1
