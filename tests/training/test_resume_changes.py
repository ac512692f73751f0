"""What a run may be resumed with: more epochs, another batch size, the same data."""

import io
import sys
from types import SimpleNamespace

import pytest
from runs import RESUMED, assert_same, newest, rows, stop_after
from tiny_models import tiny_config

from captioner.commands import main
from captioner.config import load
from captioner.data.captions.batches import CaptionItems
from captioner.data.loader import ResumableLoader
from captioner.errors import UserError
from captioner.progress import progress_bar
from captioner.training import callbacks
from captioner.training import train as training
from captioner.training.callbacks import SaveByTime, StopOnRequest
from captioner.training.caption import CaptionTask
from captioner.training.logs import progress
from captioner.training.logs.progress import SHARES
from captioner.training.resume_file import PREVIOUS_FILE, RESUME_FILE


def test_a_run_that_is_given_more_epochs_equals_one_that_had_them_from_the_start(
    tiny_text, tmp_path, monkeypatch, capsys
):
    tiny_text.trainer["max_epochs"] = 3
    tiny_text.schedule = {"name": "constant"}  # others look at the number of epochs
    training.train(tiny_text, tmp_path / "whole")
    tiny_text.trainer["max_epochs"] = 1
    training.train(tiny_text, tmp_path / "short")
    main("train", ["--resume", str(tmp_path / "short"), "trainer.max_epochs=3"])
    one, other = newest(tmp_path / "whole"), newest(tmp_path / "short")
    assert_same([one[part] for part in RESUMED], [other[part] for part in RESUMED])
    assert rows(tmp_path / "short") == rows(tmp_path / "whole")
    assert load(tmp_path / "short/config.yaml").trainer["max_epochs"] == 3


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("data.path=other.txt", "data.path cannot be changed"),
        ("optimizer.lr=1", "optimizer.lr cannot be changed"),
        ("trainer.max_epoch=9", "Did you mean trainer.max_epochs"),
        ("training.batch_size=9", "The task char_lm is resumed with its batch size: 7, not 9"),
    ],
)
def test_what_would_change_the_past_is_refused(tiny_text, tmp_path, capsys, change, sentence):
    tiny_text.trainer["max_epochs"] = 1
    training.train(tiny_text, tmp_path / "run")
    before = (tmp_path / "run/config.yaml").read_text()
    with pytest.raises(SystemExit) as exit_:
        main("train", ["--resume", str(tmp_path / "run"), change])
    assert exit_.value.code == 2
    assert sentence in capsys.readouterr().err
    assert (tmp_path / "run/config.yaml").read_text() == before


@pytest.mark.parametrize("stop", [1, 2, 5])
def test_another_batch_size_leaves_no_picture_out_and_takes_none_twice(tiny, tmp_path, monkeypatch, stop):
    """Batches of 4, then of 5; 23 pictures are no multiple of either. Every epoch has each of them once."""
    seen = []
    real = CaptionTask.training_step

    def look(self, batch, number):
        seen.extend((self.current_epoch, image_id) for image_id in batch.image_ids_B.tolist())
        return real(self, batch, number)

    monkeypatch.setattr(CaptionTask, "training_step", look)
    tiny.data |= {"num_train": 23, "num_val": 5, "folder": str(tmp_path / "scenes")}
    tiny.training.batch_size = 4
    tiny.trainer["max_epochs"] = 3
    with monkeypatch.context() as patch:
        stop_after(patch, stop)
        training.train(tiny, tmp_path / "run")
    tiny.training.batch_size = 5
    training.train(tiny, tmp_path / "run", resume=True)
    image_ids = sorted({image_id for _, image_id in seen})
    assert len(image_ids) == 23
    assert sorted(seen) == [(epoch, image_id) for epoch in range(3) for image_id in image_ids]
    assert sum(bool(row["val/loss"]) for row in rows(tmp_path / "run")) == 3


def test_other_numbers_of_processes_go_on_with_the_samples_that_are_left():
    """2 processes gave out 6 samples of 12; one process gives out the other 6, and 3 processes two each."""

    class Items:
        def __len__(self):
            return 12

        def __getitems__(self, indices):
            return [index.number for index in indices]

    def loader(rank, replicas, batch_size=3):
        return ResumableLoader(Items(), batch_size, shuffle=True, seed=4, rank=rank, num_replicas=replicas)

    halves = [loader(rank, 2) for rank in range(2)]
    given = [next(iter(half)) for half in halves]
    for replicas in (1, 3):
        rest = [loader(rank, replicas, 2) for rank in range(replicas)]
        for one in rest:
            one.go_on_from(halves[0].position())
        left = [number for one in rest for batch in one for number in batch]
        assert sorted(left + given[0] + given[1]) == list(range(12))


@pytest.fixture
def seen(monkeypatch):
    """The epoch and number of each sample, by batches, of captioned pictures as they are read."""
    batches = []
    real = CaptionItems.__getitems__

    def look(self, indices):
        batches.append([tuple(index) for index in indices])
        return real(self, indices)

    monkeypatch.setattr(CaptionItems, "__getitems__", look)
    return batches


def test_an_epoch_that_trainer_cuts_short_is_over(tiny, tmp_path, monkeypatch, seen):
    """With limit_train_batches, and stopped at its end: the next epoch has an order of its own."""
    tiny.trainer |= {"limit_train_batches": 2, "limit_val_batches": 0, "max_epochs": 3}
    training.train(tiny, tmp_path / "whole")
    whole, seen[:] = list(seen), []
    assert [batch[0][0] for batch in whole] == [0, 0, 1, 1, 2, 2]
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        training.train(tiny, tmp_path / "parts")
    training.train(tiny, tmp_path / "parts", resume=True)
    assert seen == whole


def test_overfitting_a_batch_takes_the_same_pictures_in_every_epoch(tiny, tmp_path, seen):
    tiny.trainer |= {"overfit_batches": 1, "max_epochs": 4, "check_val_every_n_epoch": 9}
    training.train(tiny, tmp_path / "run")
    assert len(seen) == 4
    assert all(batch == seen[0] for batch in seen)


@pytest.mark.parametrize("task", ["caption", "char_lm", "translate", "vqa"])
def test_a_run_is_not_resumed_with_other_data(tmp_path, task):
    config = tiny_config(task, tmp_path / "data", "trainer.max_epochs=1")
    training.train(config, tmp_path / "run")
    config.trainer["max_epochs"] = 2
    if task == "char_lm":
        text = tmp_path / "data/text.txt"
        text.write_text(text.read_text().replace("e", "\0").replace("a", "e").replace("\0", "a"))
    else:
        config.data["seed"] = 77
        config.data.pop("folder", None)
    with pytest.raises(UserError, match=r"The data of .*run have changed since it was trained"):
        training.train(config, tmp_path / "run", resume=True)


def test_there_is_a_file_to_resume_from_after_the_first_update_and_then_by_time(
    tiny_text, tmp_path, monkeypatch
):
    """A clock that goes on by 25 seconds an update, and a file a minute."""
    clock, saved = SimpleNamespace(now=0.0), []
    monkeypatch.setattr(callbacks, "time", SimpleNamespace(monotonic=lambda: clock.now))
    real_end, real_save = SaveByTime.on_train_batch_end, SaveByTime._save

    def later(self, trainer, *rest):
        clock.now += 25
        real_end(self, trainer, *rest)

    def note(self, trainer):
        saved.append(trainer.global_step)
        real_save(self, trainer)
        assert newest(tmp_path / "run")["global_step"] == trainer.global_step

    monkeypatch.setattr(SaveByTime, "on_train_batch_end", later)
    monkeypatch.setattr(SaveByTime, "_save", note)
    tiny_text.training.save_every_minutes = 1.0
    tiny_text.trainer["max_epochs"] = 1
    training.train(tiny_text, tmp_path / "run")
    updates = newest(tmp_path / "run")["global_step"]
    assert saved == list(range(1, updates, 3))
    assert (tmp_path / "run" / PREVIOUS_FILE).is_file()


@pytest.mark.parametrize("accumulated", [1, 2])
def test_every_update_of_a_run_can_be_gone_on_from(tiny_text, tmp_path, monkeypatch, accumulated):
    """A file after each update; between two batches that make one update together there is none."""
    tiny_text.training.save_every_minutes = 1e-9
    tiny_text.trainer |= {"max_epochs": 1, "accumulate_grad_batches": accumulated}
    kept = []
    real = SaveByTime._save

    def keep(self, trainer):
        real(self, trainer)
        kept.append((tmp_path / "whole" / RESUME_FILE).read_bytes())

    with monkeypatch.context() as patch:
        patch.setattr(SaveByTime, "_save", keep)
        training.train(tiny_text, tmp_path / "whole")
    whole = newest(tmp_path / "whole")
    assert len(kept) == whole["global_step"] - 1
    for file in kept[:3]:
        folder = tmp_path / f"after{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        (folder / "config.yaml").write_text(tiny_text.to_yaml())
        (folder / RESUME_FILE).write_bytes(file)
        training.train(tiny_text, folder, resume=True)
        found = newest(folder)
        assert_same([whole[part] for part in RESUMED], [found[part] for part in RESUMED])


def test_a_stop_between_two_batches_of_one_update_waits_for_the_update(tiny_text, tmp_path, monkeypatch):
    """Gradients are not saved: a file of that moment would lose those of the first batch."""
    tiny_text.trainer |= {"max_epochs": 1, "accumulate_grad_batches": 2}
    training.train(tiny_text, tmp_path / "whole")
    real = StopOnRequest.on_train_batch_end

    def ask(self, trainer, pl_module, outputs, batch, batch_idx):
        self.requested = batch_idx >= 4  # the first one of the third update
        real(self, trainer, pl_module, outputs, batch, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(StopOnRequest, "on_train_batch_end", ask)
        assert training.train(tiny_text, tmp_path / "parts").interrupted
    assert newest(tmp_path / "parts")["global_step"] == 3
    training.train(tiny_text, tmp_path / "parts", resume=True)
    one, other = newest(tmp_path / "whole"), newest(tmp_path / "parts")
    assert_same([one[part] for part in RESUMED], [other[part] for part in RESUMED])


def test_progress_in_a_file_is_a_line_from_time_to_time(tiny_text, tmp_path, capsys):
    tiny_text.trainer |= {"max_epochs": 3, "enable_progress_bar": True}
    training.train(tiny_text, tmp_path / "run")
    said = capsys.readouterr()
    assert said.out == "", "Lightning has a bar of its own"
    lines = [line for line in said.err.splitlines() if line.startswith("epoch ")]
    updates = newest(tmp_path / "run")["global_step"]
    assert updates > 2 * SHARES
    assert len(lines) == SHARES
    assert lines[-1].startswith(f"epoch 3, update {updates} of {updates}, train/loss ")
    assert "\r" not in "".join(lines)


def test_a_bar_in_a_file_is_a_line_from_time_to_time(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    assert list(progress_bar(range(10_000), desc="pictures")) == list(range(10_000))
    said = stream.getvalue()
    assert said.count("\n") <= 2
    assert "\r" not in said
    assert "10000/10000" in said


def test_progress_lines_come_by_the_minute(tiny_text, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    tiny_text.trainer |= {"max_epochs": 1, "enable_progress_bar": True}
    training.train(tiny_text, tmp_path / "run")
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("epoch ")]
    assert len(lines) == newest(tmp_path / "run")["global_step"]
