"""Read what a run left in its folder, and stop a run."""

import csv

import torch

from captioner.training.callbacks import StopOnRequest


def rows(folder):
    """The rows of metrics.csv, a mapping each."""
    with (folder / "metrics.csv").open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def newest(folder):
    """The resume file of a run."""
    return torch.load(folder / "last.ckpt", weights_only=True)


RESUMED = (
    *("state_dict", "optimizer_states", "lr_schedulers", "carried", "newest", "rng_state", "running_mean"),
    *("epoch", "global_step", "DataModule"),
)
"""What training resumes with, in a resume file of the character model; DataModule is the position."""


def assert_same(one, other):
    """Bit for bit, in whatever they are nested."""
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        assert_same(list(one.values()), list(other.values()))
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_same(*pair)
    else:
        assert one == other


def stop_after(monkeypatch, updates):
    """Ctrl-C while that update is made."""
    real = StopOnRequest.on_train_batch_end

    def ask(self, trainer, *rest):
        self.requested = trainer.global_step == updates
        real(self, trainer, *rest)

    monkeypatch.setattr(StopOnRequest, "on_train_batch_end", ask)
