"""Training end to end on a few pictures: what is left behind, and that going on equals not having stopped."""

import json

import pytest
import torch
from runs import newest, rows, stop_after
from safetensors.torch import load_file

from captioner.config import load
from captioner.errors import UserError
from captioner.training import train as training


@pytest.mark.parametrize("updates", [3, 6, 9])
def test_a_resumed_run_equals_one_that_was_not_stopped_bit_for_bit(tiny, tmp_path, monkeypatch, updates):
    """6 updates an epoch: stopped in the first, at the end of the first, in the second."""
    tiny.objective["scheduled_sampling"] = 0.5
    tiny.task["validation_search"] = {"name": "beam", "beam_size": 1, "max_length": 6}
    whole = training.train(tiny, tmp_path / "whole")
    with monkeypatch.context() as patch:
        stop_after(patch, updates)
        stopped = training.train(tiny, tmp_path / "parts")
    assert stopped.interrupted
    assert not whole.interrupted
    assert (stopped.model / "model.safetensors").is_file(), "a model that was stopped can be used"
    before = newest(tmp_path / "parts")["state_dict"]
    resumed = training.train(load(tmp_path / "parts/config.yaml"), tmp_path / "parts", resume=True)
    after, expected = (newest(tmp_path / name)["state_dict"] for name in ("parts", "whole"))
    assert not all(torch.equal(before[name], expected[name]) for name in expected)
    assert [name for name in expected if not torch.equal(after[name], expected[name])] == []
    assert resumed.best == whole.best
    one, other = (load_file(t.model / "model.safetensors") for t in (whole, resumed))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_leaves_figures_config_and_a_card(tiny, tmp_path):
    result = training.train(tiny, tmp_path / "run")
    assert load(tmp_path / "run/config.yaml") == tiny
    found = rows(tmp_path / "run")
    assert sum(bool(row["val/loss"]) for row in found) == 2
    assert float(found[0]["train/grad_norm"]) > 0
    card = json.loads((result.model / "card.json").read_text())
    assert card["data"]["name"] == "scenes"
    assert card["preprocessing"]["size"] == 112
    assert {"val/bleu4", "val/cider_d", "val/distinct", "val/cut", "val/unknown"} <= set(card["validation"])


def test_eight_pictures_are_learnt_by_heart(tiny, tmp_path):
    """The whole path learns: pixels, encoder, attention, loss, optimiser."""
    tiny.data |= {"num_train": 8, "folder": str(tmp_path / "scenes")}
    tiny.decoder["dropout"] = 0.0
    tiny.decoder["cell"]["hidden_dim"] = 48
    tiny.training.captions_per_image = 5
    tiny.trainer["max_epochs"] = 100
    tiny.trainer["check_val_every_n_epoch"] = 100
    tiny.encoder["width"] = 0.1
    tiny.optimizer["lr"] = 0.01
    training.train(tiny, tmp_path / "run")
    found = rows(tmp_path / "run")
    losses = [float(row["train/loss_epoch"]) for row in found if row["train/loss_epoch"]]
    assert losses[0] > 2.5
    assert losses[-1] < 0.8


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("encoder", {"name": "vgg", "dept": 11}, "encoder vgg has no option 'dept'. Did you mean depth"),
        ("decoder", {"name": "show_attendtell"}, "Did you mean show_attend_tell"),
        ("decoder", {"name": "show_tell", "cell": {"name": "lstmm"}}, "Did you mean lstm"),
        (
            "decoder",
            {"name": "show_tell", "cell": {"name": "stacked", "cell": {"name": "lstm", "init_scal": 1}}},
            "Did you mean init_scale",
        ),
        (
            "decoder",
            {"name": "show_tell", "dropout": "half"},
            "decoder show_tell: dropout must be a number",
        ),
        ("optimizer", {"name": "adam", "learning_rate": 1}, "optimizer adam has no option"),
        ("schedule", {"name": "step"}, "schedule step needs the option 'epochs'"),
        ("trainer", {"max_epoch": 3}, "trainer has no option 'max_epoch'. Did you mean max_epochs"),
        ("objective", {"name": "cross_entropy", "label_smooting": 0.1}, "Did you mean label_smoothing"),
        ("task", {"name": "caption", "validation_serch": {}}, "Did you mean validation_search"),
        ("search", {"name": "beam", "beamsize": 3}, "Did you mean beam_size"),
    ],
)
def test_mistakes_are_refused_before_data_is_read(tiny, tmp_path, monkeypatch, part, change, message):
    monkeypatch.setattr(
        "captioner.data.captions.scenes.Scenes.tables", lambda self: pytest.fail("data was read")
    )
    setattr(tiny, part, change)
    with pytest.raises(UserError) as error:
        training.train(tiny, tmp_path / "run")
    assert message in str(error.value)
    assert not (tmp_path / "run").exists()


def test_resuming_nothing_is_refused(tiny, tmp_path):
    with pytest.raises(UserError, match="nothing to resume"):
        training.train(tiny, tmp_path / "run", resume=True)
