"""A process that loads data and dies ends the run with one sentence, and the run can go on."""

import os
import signal

import pytest
from runs import newest

from captioner.data.captions.batches import CaptionItems
from captioner.errors import UserError
from captioner.training.train import train


def test_a_worker_that_is_killed(tiny, tmp_path, monkeypatch):
    tiny.training.num_workers = 1
    tiny.trainer["max_epochs"] = 2
    real, parent = CaptionItems.__getitems__, os.getpid()

    def lost(self, samples):
        if os.getpid() != parent and samples[0].epoch == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, samples)

    with monkeypatch.context() as patch:
        patch.setattr(CaptionItems, "__getitems__", lost)
        with pytest.raises(UserError, match=r"has died.*lower training\.num_workers.*--resume .*run"):
            train(tiny, tmp_path / "run")
    assert newest(tmp_path / "run")["epoch"] == 0
    tiny.training.num_workers = 0
    train(tiny, tmp_path / "run", resume=True)
    assert newest(tmp_path / "run")["epoch"] == 1
