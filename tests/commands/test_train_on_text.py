"""What `train.py --task char-lm` answers where it cannot learn: one sentence and exit status 2."""

import re

import pytest

from captioner.commands import main


def refused(capsys, file, *changes):
    """What is said on standard error."""
    with pytest.raises(SystemExit) as exit_:
        main("train", ["--task", "char-lm", f"data.path={file}", *changes])
    said = capsys.readouterr()
    assert exit_.value.code == 2
    assert said.out == ""
    return said.err.splitlines()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty: there is nothing to learn from"),
        (b"too short", "9 characters leave 7 to predict in training, but training.batch_size=50 streams"),
        (b"\x7fELF\0\xff", "is not text but binary"),
        ("caf\u00e9".encode("latin-1"), "is not UTF-8 text (byte 3); save it as UTF-8"),
    ],
)
def test_a_text_that_will_not_do(capsys, monkeypatch, tmp_path, content, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_bytes(content)
    (line,) = refused(capsys, "file")
    assert line.startswith("scripts/train.py: ")
    assert says in line
    assert [left.name for left in tmp_path.iterdir()] == ["file"]


def test_a_rate_so_large_that_the_loss_is_no_number(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("to be or not to be, " * 100)
    changes = ["data.chunk_length=10", "training.batch_size=5", "optimizer.name=sgd", "optimizer.lr=1e6"]
    changes += ['decoder.cell={"name": "elman", "nonlinearity": "relu", "hidden_dim": 8}']
    changes += ["trainer.accelerator=cpu", "trainer.enable_progress_bar=false"]
    line = refused(capsys, "file", *changes)[-1]
    assert re.search(r"The loss became (inf|nan) at update \d+, in epoch 1: lower optimizer\.lr", line)
    assert not list(tmp_path.glob("runs/**/model"))
