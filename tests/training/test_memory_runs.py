"""The task memory: from a config to figures."""

import json

import pytest
import torch
from conftest import ROOT
from runs import assert_same, newest, rows, stop_after
from tiny_models import tiny_config

from captioner.commands import main
from captioner.config import load
from captioner.data.loader import SampleIndex
from captioner.data.memory.batches import MemoryItems
from captioner.errors import UserError
from captioner.evaluation.memory import evaluate
from captioner.inference.memory import MemoryPredictor
from captioner.training import train as training


def test_an_lstm_learns_to_add_over_eight_numbers(tmp_path):
    """And then answers sequences of twelve far better than without memory."""
    changes = ["data.name=adding", "data.length=8", "task.cell.hidden_dim=24", "optimizer.lr=0.02"]
    changes += ["data.num_train=6000", "trainer.max_epochs=3", "training.batch_size=50"]
    config = load(ROOT / "configs/memory.yaml", [*changes, "trainer.enable_progress_bar=false"])
    trained = training.train(config, tmp_path)
    final = [row for row in rows(tmp_path) if row["val/of_baseline"]][-1]
    assert float(final["val/of_baseline"]) < 0.05
    assert float(final["val/of_baseline"]) == pytest.approx(6 * float(final["val/loss"]), rel=1e-4)
    found = evaluate(trained.model, tmp_path / "out", data={"length": 12}).figures["test"]
    assert found["of_baseline"] < 0.5
    assert found["baseline"] == 1 / 6
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert results["scores"] == found
    assert results["sequences"] == 1000


@pytest.mark.parametrize("problem", ["copy", "adding", "order"])
def test_figures_are_those_of_the_answers(tiny_model, tmp_path, problem):
    config = tiny_config("memory", tmp_path, f"data.name={problem}", "data.length=12")
    model = training.train(config, tmp_path / problem).model
    predictor = MemoryPredictor(model)
    items = MemoryItems(predictor.model.problem, "test")
    batch = items.__getitems__([SampleIndex(0, number) for number in range(30)])
    answers = predictor.answer(batch)
    error = (answers - batch.targets).abs()
    right = error < (0.04 if problem == "adding" else 0.5)
    wanted = right[:, -10:].double().mean().item()  # of copy the ten symbols
    found = evaluate(model, tmp_path / "out").figures["test"]
    assert found["accuracy"] == pytest.approx(wanted)
    assert evaluate(model, tmp_path / "out", limit=7).title.endswith(": 7 sequences")


@pytest.mark.parametrize("updates", [4, 9])
def test_a_resumed_run_equals_one_that_was_not_stopped_bit_for_bit(tmp_path, monkeypatch, updates):
    """9 updates an epoch."""
    config = tiny_config("memory", tmp_path, "trainer.max_epochs=2", "task.cell.name=rg_lru")
    training.train(config, tmp_path / "whole")
    with monkeypatch.context() as patch:
        stop_after(patch, updates)
        assert training.train(config, tmp_path / "parts").interrupted
    training.train(config, tmp_path / "parts", resume=True)
    whole, parts = (newest(tmp_path / name)["state_dict"] for name in ("whole", "parts"))
    assert_same(whole, parts)


def test_commands_train_check_and_evaluate(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    small = ["data.length=5", "data.num_train=40", "data.num_val=10", "data.num_test=10"]
    small += ["trainer.max_epochs=1", "trainer.enable_progress_bar=false", "task.cell.name=min_gru"]
    main("train", ["--task", "memory", *small])
    main("data", ["check", "--task", "memory", "data.name=adding"])
    assert "50 steps, of which the last 1 are answered; loss without memory 0.1667" in capsys.readouterr().out
    main("evaluate", ["--task", "memory", "--data", "length=9"])
    table = capsys.readouterr().out
    assert "copy, 29 steps: 10 sequences" in table
    assert "0.7170" in table  # 10 ln 8 / 29
    with pytest.raises(SystemExit):
        main("evaluate", ["--task", "memory", "--beam", "3"])
    assert "has no meaning for the task memory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("task.cell.name=lsmt", "Did you mean lstm"),
        ("encoder.name=vgg", "encoder has no meaning for the task memory"),
        ("training.max_words=3", "training.max_words has no meaning"),
        ("data.name=copying", "Did you mean copy"),
    ],
)
def test_mistakes_are_refused(tmp_path, change, message):
    with pytest.raises(UserError, match=message):
        training.check(tiny_config("memory", tmp_path, change))


def test_another_problem_than_that_of_training_is_refused(tiny_model, tmp_path):
    with pytest.raises(UserError, match="trained on copy and cannot answer adding"):
        evaluate(tiny_model("memory"), tmp_path, data={"name": "adding"})
    with pytest.raises(UserError, match="no split 'dev'"):
        evaluate(tiny_model("memory"), tmp_path, split="dev")


def test_only_the_scored_outputs_are_computed(tiny_model):
    model = MemoryPredictor(tiny_model("memory")).model
    inputs_NTE = torch.randn(3, 6, 10)
    torch.testing.assert_close(model(inputs_NTE, 2), model(inputs_NTE, 6)[:, -2:])
