"""What Lightning's Trainer, the loggers and the monitored figure are refused for, before data is read."""

import re

import pytest
from conftest import ROOT
from runs import rows

from captioner.config import load
from captioner.errors import UserError
from captioner.training.checks.trainer_options import check_trainer, with_native_precision
from captioner.training.logs.loggers import check_loggers
from captioner.training.train import check, train

TASK_CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"max_epoch": 3}, "trainer has no option 'max_epoch'. Did you mean max_epochs?"),
        ({"barebones": True}, "trainer has no option 'barebones'"),
        ({"max_epochs": -2}, "trainer: max_epochs must be at least -1 or null, not -2."),
        ({"max_epochs": 0}, "trainer.max_epochs=0 trains nothing."),
        ({"limit_train_batches": 0.0}, "trainer.limit_train_batches=0 trains nothing."),
        ({"accumulate_grad_batches": 0}, "trainer: accumulate_grad_batches must be at least 1, not 0."),
        ({"gradient_clip_val": -1}, "trainer: gradient_clip_val must be at least 0 or null, not -1."),
        ({"gradient_clip_algorithm": "nrom"}, "trainer: `gradient_clip_algorithm` nrom is invalid."),
        ({"accelerator": "gpu"}, "trainer.accelerator=gpu: there is no such device here."),
        ({"accelerator": "gup"}, "trainer: You selected an invalid accelerator name: `accelerator='gup'`."),
        ({"accelerator": "tpu"}, "trainer: Requirement 'torch_xla>=1.13' not met."),
        ({"strategy": "dpd"}, "trainer: You selected an invalid strategy name: `strategy='dpd'`."),
        ({"devices": 0, "accelerator": "cpu"}, "trainer: `Trainer(devices=0)` value is not a valid input"),
        ({"devices": 1000, "accelerator": "cpu"}, "trainer.devices=1000: this machine has"),
        ({"devices": 10**9}, "trainer: devices must be -1 to 1,024"),
        ({"devices": "1000000000"}, "trainer: devices must be -1 to 1,024"),
        ({"devices": "two", "accelerator": "cpu"}, "trainer: `devices` selected with `CPUAccelerator`"),
        ({"limit_val_batches": 1.5}, "trainer: limit_val_batches must be"),
        ({"max_time": "soon"}, "trainer: `Timer(duration='soon')` is not a valid duration."),
    ],
)
def test_a_trainer_that_cannot_be_made_is_refused_in_one_sentence(options, reason, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UserError) as refused:
        check_trainer(options)
    assert str(refused.value).startswith(reason)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("options", "num_workers", "reason"),
    [
        ({"devices": 99}, 0, "trainer.devices=99: this machine has 4 processor cores."),
        (
            {"devices": 1},
            99,
            "training.num_workers=99 makes 100 processes on 4 processor cores: set at most 15.",
        ),
        ({"devices": 4}, 4, "training.num_workers=4 makes 20 processes on 4 processor cores: set at most 3."),
        (
            {"devices": 2, "strategy": "ddp_spawn"},
            0,
            "trainer.strategy=ddp_spawn: several processes train with",
        ),
        ({"devices": 2, "sync_batchnorm": True}, 0, "trainer.sync_batchnorm=true would wait for ever"),
    ],
)
def test_more_processes_than_a_machine_stands_are_refused(options, num_workers, reason, monkeypatch):
    monkeypatch.setattr("captioner.training.checks.trainer_options.num_cores", lambda: 4)
    with pytest.raises(UserError) as refused:
        check_trainer({"accelerator": "cpu", **options}, num_workers)
    assert str(refused.value).startswith(reason)
    assert "\n" not in str(refused.value)
    check_trainer({"accelerator": "cpu", "devices": 4}, 3)
    check_trainer({"accelerator": "cpu", "devices": 1}, 15)


def test_what_it_can_be_made_with_passes():
    check_trainer({"max_epochs": -1, "devices": 2, "accelerator": "cpu", "limit_val_batches": 0.5})
    check_trainer({"precision": "bf16-mixed", "gradient_clip_val": 5, "val_check_interval": 1.0})


@pytest.mark.parametrize("file", TASK_CONFIGS, ids=lambda file: file.stem)
def test_a_figure_that_validation_does_not_have_is_refused(file):
    check(load(file, ["training.monitor=val/loss", "trainer.accelerator=cpu"]))
    with pytest.raises(UserError, match=r"there is no figure 'val/lss'\. Did you mean val/loss\?"):
        check(load(file, ["training.monitor=val/lss", "trainer.accelerator=cpu"]))


def known_figures(config):
    """The figures that a message lists."""
    config.training.monitor = "none"
    with pytest.raises(UserError) as refused:
        check(config)
    return re.findall(r"val/\w+", str(refused.value))


@pytest.mark.parametrize("kind", ["tiny", "tiny_text"])
def test_the_figures_that_can_be_monitored_are_those_that_are_logged(kind, request, tmp_path):
    config = request.getfixturevalue(kind)
    known = known_figures(config)
    config.training.monitor, config.trainer["max_epochs"] = known[-1], 1
    result = train(config, tmp_path / "run")
    assert result.best is not None
    assert {*known} <= {*rows(tmp_path / "run")[0]}


def test_the_type_of_a_question_may_be_monitored():
    check(
        load(ROOT / "configs/vqa.yaml", ["training.monitor=val/accuracy_yes_no", "trainer.accelerator=cpu"])
    )
    with pytest.raises(UserError, match="no figure"):
        check(load(ROOT / "configs/vqa.yaml", ["training.monitor=val/accurcy", "trainer.accelerator=cpu"]))


@pytest.mark.parametrize("mode", ["online", None])
def test_wandb_that_nobody_is_logged_in_to_is_refused_only_where_it_would_send(mode, monkeypatch):
    monkeypatch.setattr("captioner.training.logs.loggers._has_key", lambda: False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    if mode is None:
        monkeypatch.delenv("WANDB_MODE", raising=False)
        check_loggers(["wandb"])
        return
    monkeypatch.setenv("WANDB_MODE", mode)
    with pytest.raises(UserError, match=r"nobody is logged in: .* set WANDB_MODE=offline"):
        check_loggers(["wandb"])


@pytest.mark.parametrize(
    ("native", "given"), [("bf16", "bf16-mixed"), ("fp16", "32-true"), ("fp32", "32-true")]
)
def test_the_precision_auto_is_what_the_device_trains_safely_in(native, given, tiny, tmp_path, monkeypatch):
    asked = "captioner.training.checks.trainer_options.native_precision"
    monkeypatch.setattr(asked, lambda device: native if device.type == "cpu" else "fp32")
    options = tiny.trainer | {"precision": "auto"}
    assert with_native_precision(options) == options | {"precision": given}
    assert with_native_precision(tiny.trainer) == tiny.trainer
    check_trainer(options)
    made = []
    monkeypatch.setattr(
        "pytorch_lightning.Trainer.fit", lambda trainer, *_, **__: made.append(trainer.precision)
    )
    monkeypatch.setattr("captioner.training.callbacks.KeepBest.save", lambda *_: None)
    tiny.trainer = options
    train(tiny, tmp_path / "run")
    assert made == [given]
    assert load(tmp_path / "run/config.yaml").trainer["precision"] == "auto"
