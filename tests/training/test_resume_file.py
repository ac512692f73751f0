"""The file that training resumes from: whole at every moment, and checked before it is read."""

import errno
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from conftest import ROOT, TINY_TEXT
from runs import rows

from captioner.commands import main
from captioner.errors import UserError
from captioner.paths import new_run
from captioner.training.logs.metrics_file import MetricsFile
from captioner.training.resume_file import PREVIOUS_FILE, RESUME_FILE, ResumeFileIO, check_resume_file


def save(folder, value):
    ResumeFileIO().save_checkpoint({"weights": torch.full((50, 7), float(value))}, folder / RESUME_FILE)


def read(file):
    return float(torch.load(file, weights_only=True)["weights"][0, 0])


def test_the_file_before_is_kept(tmp_path):
    for value in (1, 2, 3):
        save(tmp_path, value)
    assert (read(tmp_path / RESUME_FILE), read(tmp_path / PREVIOUS_FILE)) == (3, 2)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([RESUME_FILE, PREVIOUS_FILE])


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("write failed")]
)
def test_a_disk_that_is_full_leaves_what_was_saved_before(tmp_path, monkeypatch, error):
    save(tmp_path, 1)
    real = torch.save

    def cut(checkpoint, stream):
        real(checkpoint, stream)
        stream.truncate(100)
        raise error

    monkeypatch.setattr(torch, "save", cut)
    with pytest.raises(UserError, match=r"cannot be written: .*make room and go on with --resume"):
        save(tmp_path, 2)
    assert read(tmp_path / RESUME_FILE) == 1
    assert [file.name for file in tmp_path.iterdir()] == [RESUME_FILE]


def test_a_kill_at_any_step_of_a_save_leaves_a_whole_file(tmp_path, monkeypatch):
    """Each call that changes the folder is in turn the last one."""
    for dying in ("fsync", "link", "replace"):
        folder = tmp_path / dying
        folder.mkdir()
        save(folder, 1)
        with monkeypatch.context() as patch:
            patch.setattr(os, dying, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                save(folder, 2)
        assert read(check_resume_file(folder)) == 1


def test_bit_flips_are_found(tmp_path):
    """Any bit of the weights; those of the zip format's unused fields change nothing that is read."""
    save(tmp_path, 1)
    save(tmp_path, 2)
    file = tmp_path / RESUME_FILE
    whole = file.read_bytes()
    start = whole.index(torch.full((50, 7), 2.0).numpy().tobytes())
    rng = np.random.default_rng(0)
    for place in rng.integers(start, start + 50 * 7 * 4, 40):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        file.write_bytes(damaged)
        with pytest.raises(
            UserError, match=rf"is damaged.*The one saved before it is whole: cp .*{PREVIOUS_FILE}"
        ):
            check_resume_file(tmp_path)
    for cut in (0, 1, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:cut])
        with pytest.raises(UserError, match="is damaged"):
            check_resume_file(tmp_path)
    file.write_bytes(whole)
    assert check_resume_file(tmp_path) == file


def test_runs_that_start_in_one_second_have_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "strftime", lambda _: "now")
    folders = [new_run(tmp_path, "caption") for _ in range(3)]
    assert [folder.name for folder in folders] == ["now", "now-1", "now-2"]
    assert all(folder.is_dir() for folder in folders)
    (tmp_path / "a file").touch()
    for folder in (tmp_path / "a file", tmp_path / "a file/run"):
        with pytest.raises(UserError, match="a file"):
            new_run(tmp_path, "caption", folder)


def words(tmp_path, *more):
    (tmp_path / "text.txt").write_text("one two three four five six seven\n" * 200)
    return ["--task", "char-lm", *TINY_TEXT, f"data.path={tmp_path / 'text.txt'}", *more]


def test_a_run_is_not_overwritten_unasked(tmp_path, capsys):
    asked = words(tmp_path, "trainer.max_epochs=1", "--output", str(tmp_path / "run"))
    main("train", asked)
    before = (tmp_path / "run/model/model.safetensors").read_bytes()
    with pytest.raises(SystemExit) as exit_:
        main("train", [*asked, "seed=9"])
    assert exit_.value.code == 2
    assert "holds a run already: choose another folder, or add --overwrite" in capsys.readouterr().err
    assert (tmp_path / "run/model/model.safetensors").read_bytes() == before
    main("train", [*asked, "seed=9", "--overwrite"])
    assert (tmp_path / "run/model/model.safetensors").read_bytes() != before


def test_a_mistake_in_the_data_leaves_no_empty_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main("train", ["--task", "char-lm", "data.path=nothing.txt"])
    assert "nothing.txt" in capsys.readouterr().err
    assert list(tmp_path.glob("runs/*/*")) == []


def test_sigterm_saves_and_says_so_by_its_status(tmp_path):
    command = [sys.executable, str(ROOT / "scripts/train.py"), *words(tmp_path, "trainer.max_epochs=5000")]
    process = subprocess.Popen(
        [*command, "--output", "run"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 90
    while not (tmp_path / "run/metrics.csv").is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, said
    assert "Continue with: --resume run" in said
    assert check_resume_file(tmp_path / "run").is_file()
    assert (tmp_path / "run/model/model.safetensors").is_file()


def test_a_full_disk_stops_training_with_a_sentence_and_the_run_goes_on(tmp_path, monkeypatch, capsys):
    asked = words(tmp_path, "trainer.max_epochs=2", "trainer.log_every_n_steps=1")
    main("train", [*asked, "--output", str(tmp_path / "whole")])
    real, count = MetricsFile._write, iter(range(100))

    def full(self):
        if next(count) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self)

    with monkeypatch.context() as patch:
        patch.setattr(MetricsFile, "_write", full)
        with pytest.raises(SystemExit) as exit_:
            main("train", [*asked, "--output", str(tmp_path / "run")])
    assert exit_.value.code == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert (
        "metrics.csv cannot be written: [Errno 28] No space left on device. Make room and go on with" in said
    )
    main("train", ["--resume", str(tmp_path / "run")])
    assert rows(tmp_path / "run") == rows(tmp_path / "whole")


def test_a_full_disk_is_a_sentence_wherever_it_shows(monkeypatch, capsys):
    """The operating system does not say which file it was."""

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("captioner.commands.models.run", full)
    with pytest.raises(SystemExit) as exit_:
        main("models", [])
    assert exit_.value.code == 2
    assert capsys.readouterr().err == "scripts/models.py: No space left on device.\n"
