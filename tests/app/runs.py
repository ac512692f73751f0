"""What tests of training look at in a run's folder, and how they stop one."""

import csv

import torch

from captioner.tasks.callbacks import StopOnRequest


def rows(folder):
    """metrics.csv, a mapping for each row."""
    with (folder / "metrics.csv").open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def newest(folder):
    """What a run is gone on with from."""
    return torch.load(folder / "last.ckpt", weights_only=True)


def stop_after(monkeypatch, updates):
    """Ctrl-C while that update is made."""
    real = StopOnRequest.on_train_batch_end

    def ask(self, trainer, *rest):
        self.asked = trainer.global_step == updates
        real(self, trainer, *rest)

    monkeypatch.setattr(StopOnRequest, "on_train_batch_end", ask)
