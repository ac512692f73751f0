"""Where figures go: metrics.csv over several sittings, wandb without a key; and Lightning's own options."""

import json
import random

import pytest
import torch
from runs import rows, stop_after

from captioner.config import load
from captioner.errors import UserError
from captioner.training import train as training
from captioner.training.logs.loggers import check_loggers
from captioner.training.logs.metrics_file import MetricsFile


def test_a_step_is_a_row_and_a_figure_a_column(tmp_path):
    made = MetricsFile(tmp_path / "deep/metrics.csv")
    made.log_metrics({"train/loss": 2.5, "epoch": 0}, step=3)
    made.log_metrics({"lr": 0.1}, step=3)
    made.log_metrics({"val/bleu4": 0.25, "epoch": 1}, step=7)
    made.save()
    assert (tmp_path / "deep/metrics.csv").read_text().splitlines() == [
        "step,epoch,lr,train/loss,val/bleu4",
        "3,0,0.1,2.5,",
        "7,1,,,0.25",
    ]


def test_it_goes_on_in_the_file_and_replaces_what_is_done_again(tmp_path):
    file = tmp_path / "metrics.csv"
    first = MetricsFile(file)
    for step in (0, 2, 4, 6):
        first.log_metrics({"loss": 10.0 + step, "old": 1.0}, step)
    first.finalize("")
    second = MetricsFile(file)
    for step in (4, 8):
        second.log_metrics({"loss": 20.0 + step, "new": 2.0}, step)
    second.finalize("")
    assert [(row["step"], row["loss"], row["old"], row["new"]) for row in rows(tmp_path)] == [
        ("0", "10.0", "1.0", ""),
        ("2", "12.0", "1.0", ""),
        ("4", "24.0", "", "2.0"),
        ("8", "28.0", "", "2.0"),
    ]


def test_after_every_save_the_file_holds_all_that_was_logged(tmp_path):
    """Figures that come late, in the same row and in new columns; each time read back."""
    generator = random.Random(1)
    made, expected = MetricsFile(tmp_path / "metrics.csv"), {}
    for _ in range(200):
        step = max(expected, default=0) + generator.randint(0, 1)
        figures = {
            generator.choice("abcdefgh"[: 2 + len(expected) // 15]): round(
                generator.random(), generator.randint(1, 15)
            )
        }
        made.log_metrics(figures, step)
        expected.setdefault(step, {}).update(figures)
        if generator.random() < 0.7:
            made.save()
            found = {
                int(row.pop("step")): {name: float(value) for name, value in row.items() if value}
                for row in rows(tmp_path)
            }
            assert found == expected
    assert list(tmp_path.iterdir()) == [tmp_path / "metrics.csv"]


def test_rows_that_will_not_change_are_not_written_again(tmp_path):
    made, file = MetricsFile(tmp_path / "metrics.csv"), tmp_path / "metrics.csv"
    for step in range(3):
        made.log_metrics({"loss": step}, step)
        made.save()
    file.write_bytes(file.read_bytes().replace(b"1,,1", b"1,,7"))
    made.log_metrics({"loss": 3}, 3)
    made.save()
    assert [row["loss"] for row in rows(tmp_path)] == ["0", "7", "2", "3"]
    made.log_metrics({"new": 5}, 3)
    made.save()
    assert [row["loss"] for row in rows(tmp_path)] == ["0", "1", "2", "3"], "a new column rewrites all"


def test_a_row_that_was_cut_by_a_kill_is_not_taken_for_one(tmp_path):
    file = tmp_path / "metrics.csv"
    file.write_bytes(b"step,epoch,loss\r\n9,0,2.5\r\n19,0,1.5\r\n2")
    made = MetricsFile(file)
    made.log_metrics({"loss": 1.25}, 29)
    made.save()
    assert [(row["step"], row["loss"]) for row in rows(tmp_path)] == [
        ("9", "2.5"),
        ("19", "1.5"),
        ("29", "1.25"),
    ]


def test_a_kill_while_all_is_written_anew_leaves_what_was_there(tmp_path, monkeypatch):
    file = tmp_path / "metrics.csv"
    made = MetricsFile(file)
    made.log_metrics({"loss": 2.5}, 9)
    made.save()
    before = file.read_bytes()
    monkeypatch.setattr(MetricsFile, "_write_unsettled", lambda self, lines: lines.write("9,0") / 0)
    made.log_metrics({"new": 1.0}, 9)
    with pytest.raises(ZeroDivisionError):
        made.save()
    assert file.read_bytes() == before


@pytest.mark.parametrize("updates", [3, 6])
def test_a_run_that_was_stopped_has_the_figures_of_one_that_was_not(tiny, tmp_path, monkeypatch, updates):
    tiny.training.captions_per_image = 2
    tiny.schedule = {"name": "step", "epochs": 1, "factor": 0.1}
    training.train(tiny, tmp_path / "whole")
    with monkeypatch.context() as patch:
        stop_after(patch, updates)
        training.train(tiny, tmp_path / "parts")
    training.train(load(tmp_path / "parts/config.yaml"), tmp_path / "parts", resume=True)
    whole, parts = (rows(tmp_path / name) for name in ("whole", "parts"))
    assert sum(bool(row["val/bleu4"]) for row in whole) == 2
    assert parts == whole


def test_a_logger_that_is_not_there_is_refused():
    with pytest.raises(UserError, match=r"There is no logger 'wandbb'\. Did you mean wandb"):
        check_loggers(["csv", "wandbb"])


@pytest.mark.filterwarnings("ignore")  # wandb's own
def test_wandb_without_a_key_writes_a_run_that_can_be_sent_later(tiny, tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    try:
        wandb.init(dir=tmp_path, project="probe", settings=wandb.Settings(init_timeout=20)).finish()
    except Exception as error:
        pytest.skip(f"wandb cannot start here: {error}")
    tiny.logger = ["wandb"]
    tiny.trainer["max_epochs"] = 1
    try:
        training.train(tiny, tmp_path / "run")
    finally:
        wandb.finish()
    (folder,) = (tmp_path / "run/wandb").glob("offline-run-*")
    assert list(folder.glob("run-*.wandb"))
    (table,) = folder.rglob("*.table.json")
    content = json.loads(table.read_text())
    assert content["columns"] == ["image", "caption", "references"]
    assert len(content["data"]) == 6
    assert all(len(references.splitlines()) == 5 for _, _, references in content["data"])
    assert rows(tmp_path / "run"), "beside metrics.csv"


def test_lightnings_own_options_reach_it(tiny, tmp_path):
    """Half precision, and gradients of two batches an update: 6 batches are 3 updates."""
    tiny.trainer |= {"precision": "bf16-mixed", "accumulate_grad_batches": 2}
    result = training.train(tiny, tmp_path / "run")
    state = torch.load(tmp_path / "run/last.ckpt", weights_only=True)
    assert state["global_step"] == 6
    losses = [float(row["val/loss"]) for row in rows(tmp_path / "run") if row["val/loss"]]
    assert len(losses) == 2
    assert losses[1] < losses[0]
    assert result.best is not None


def test_a_frozen_encoder_is_trained_upon_from_its_stored_features(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tiny.encoder["fine_tune_from"] = None
    training.train(tiny, tmp_path / "run")
    assert list((tmp_path / "cache/captioner/features").glob("*/index.jsonl"))
    assert "features of 26 pictures" in capsys.readouterr().err
    training.train(tiny, tmp_path / "again")
    assert "features of" not in capsys.readouterr().err
    one, other = (rows(tmp_path / name) for name in ("run", "again"))
    assert one == other


@pytest.mark.parametrize("options", [{}, {"check_val_every_n_epoch": 2}])
def test_a_rate_that_falls_on_a_plateau_trains(tiny, tmp_path, options):
    tiny.schedule = {"name": "plateau", "patience": 0}
    tiny.trainer |= options
    assert not training.train(tiny, tmp_path / "run").interrupted


def test_an_epoch_of_broken_pictures_is_survived(tiny, tmp_path, capsys):
    """Every picture of one training batch and all but one of validation cannot be read."""
    folder = tmp_path / "scenes"
    tiny.data["folder"] = str(folder)
    tiny.training.batch_size = 1
    training.train(tiny, tmp_path / "whole")
    broken = sorted((folder / "images/val").glob("*"))[:5] + sorted((folder / "images/train").glob("*"))[:2]
    for file in broken:
        file.write_bytes(b"")
    capsys.readouterr()
    tiny.trainer["max_epochs"] = 1
    training.train(tiny, tmp_path / "run")
    assert capsys.readouterr().err.count("left out: ") == 7
