"""Two processes of Lightning's DDP on the CPU train, validate, save and stop as one process does."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from runs import newest, rows, stop_after
from tiny_models import TASK_NAMES, tiny_config

from captioner.config import load
from captioner.training.caption import CaptionTask
from captioner.training.train import train

TIMEOUT = 600
IMAGES = ("data.num_train=21", "data.num_val=11", "training.batch_size=5", "encoder.batch_norm=false")
"""At 10 pictures an update, the second process has none of the last one, in training and validation."""
EXACT = ('optimizer={"name": "sgd", "lr": 0.3}', 'schedule={"name": "constant"}')
CHANGES = {
    "caption": ("decoder.dropout=0", *IMAGES),
    "vqa": ("head.dropout=0", *IMAGES),
    "visual7w": ("decoder.dropout=0", *IMAGES),
    "visual7w_pointing": ("decoder.dropout=0", *IMAGES),
    "char_lm": (
        *("decoder.dropout=0", "decoder.cell.dropout=0"),
        *("task.prompt_state=carried", "task.report_zero_state=true"),
    ),
    "translate": ("optimizer.lr=1e-12",),  # sources of a batch have one length: no batch is a union of two
    "memory": (),
}

DRIVER = Path(__file__).with_name("two_processes_driver.py")


def environment(cache):
    """One thread each, no other run's processes, and every warning an error."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("CAPTIONER_RUN")}
    return inherited | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]),
        "PYTHONWARNINGS": "error::UserWarning,error::RuntimeWarning,error::FutureWarning",
        "XDG_CACHE_HOME": str(cache),
    }


def config_of(task, data, *changes):
    kind = "visual7w" if task.startswith("visual7w") else task
    given = (*EXACT, *CHANGES[task], "trainer.max_epochs=2", *changes)
    return tiny_config(task, data / f"data-{kind}", *given)


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """Every task, trained by one process in `one/` and by two in `two/`; what the two printed and read."""
    folder = tmp_path_factory.mktemp("together")
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CACHE_HOME", str(folder / "cache-of-one"))
    two = ("trainer.devices=2", "trainer.strategy=ddp")
    configs = {task: config_of(task, folder, *two) for task in TASK_NAMES}
    for task in TASK_NAMES:
        config = config_of(task, folder)
        if task not in ("char_lm", "translate"):
            config.training.batch_size *= 2
        train(config, folder / "one" / task)
    start = f"training.init_from={folder / 'one/caption/model'}"
    policy = 'objective={"name": "self_critical", "samples": 2, "max_length": 6, "cross_entropy": 0.1}'
    configs["self_critical"] = config_of("caption", folder, *two, start, policy)
    configs["frozen"] = config_of("caption", folder, *two, "encoder.fine_tune_from=null")
    configs["hard_attention"] = config_of("caption", folder, *two, 'objective={"name": "hard_attention"}')
    for task in ("caption", "char_lm"):
        configs[f"stopped_{task}"] = config_of(task, folder, *two)
        configs[f"resumed_{task}"] = config_of(task, folder)
        with pytest.MonkeyPatch.context() as stop:
            stop_after(stop, 3)
            assert train(config_of(task, folder), folder / "two" / f"resumed_{task}").interrupted
    for name, config in configs.items():
        (folder / f"{name}.yaml").write_text(config.to_yaml())
    patch.undo()
    launch = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--no-python")
    words = [*launch, sys.executable, str(DRIVER), str(folder)]
    ran = subprocess.run(
        [sys.executable, *words],
        env=environment(folder / "cache-of-two"),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert ran.returncode == 0, ran.stderr
    found = [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]
    return folder, ran, found


@pytest.mark.parametrize("task", TASK_NAMES)
def test_an_update_of_two_processes_is_that_of_one_on_the_union_of_their_batches(together, task):
    """Plain gradient descent: weights are equal if gradients are; captions and questions differ in length."""
    folder = together[0]
    one, two = (newest(folder / number / task)["state_dict"] for number in ("one", "two"))
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize("task", TASK_NAMES)
def test_figures_of_two_processes_are_those_of_one(together, task):
    """Metrics and loss of validation, means of training over words, and norms of gradients.

    Of single steps only the loss is that of both; other figures are those of the first process.
    """
    folder = together[0]
    one, two = (rows(folder / number / task) for number in ("one", "two"))
    names = {name for name in one[0] if not name.endswith("_step") or name == "train/loss_step"}
    if task == "translate":  # other batches
        one, two, names = one[-1:], two[-1:], names - {"step", "train/grad_norm", "train/loss_step"}
    for expected, found in zip(one, two, strict=True):
        for name in names:
            assert bool(found[name]) == bool(expected[name]), name
            if expected[name]:
                assert float(found[name]) == pytest.approx(float(expected[name]), rel=2e-4, abs=1e-5), name


@pytest.mark.parametrize("objective", ["self_critical", "hard_attention"])
def test_objectives_that_draw_train_with_every_parameter_in_use(together, objective):
    found = rows(together[0] / "two" / objective)
    assert sum(bool(row["train/loss_epoch"]) for row in found) == 2
    assert float(found[-1]["train/grad_norm"]) > 0


def test_a_run_is_reported_once(together):
    folder, ran, _ = together
    assert "Warning" not in ran.stderr
    finished = [file.stem for file in folder.glob("*.yaml") if not file.stem.startswith("stopped")]
    assert ran.stdout.count("Trained for") == len(finished)
    assert ran.stdout.count("Stopped after") == 2
    assert ran.stderr.count("\nrun  ") + ran.stderr.startswith("run  ") == len([*folder.glob("*.yaml")])


def test_features_are_computed_once_by_the_two_processes(together):
    computed = [(run, key) for one in together[2] for run, key in one["built"]]
    assert len(computed) == len(set(computed)) == 21 + 11
    assert {run for run, _ in computed} == {"frozen"}


def trained_on(found, run):
    """Epoch and image id of every picture that the two processes trained on in a run."""
    return [(epoch, image_id) for one in found for name, epoch, image_id in one["seen"] if name == run]


def test_one_process_goes_on_with_the_pictures_that_two_have_left(together, monkeypatch):
    """Stopped after the first update of the second epoch, asked in the second process alone."""
    folder, _, found = together
    seen = trained_on(found, "stopped_caption")
    assert len(seen) == 21 + 10
    real = CaptionTask.training_step

    def look(self, batch, number):
        seen.extend((self.current_epoch, image_id) for image_id in batch.image_ids_B.tolist())
        return real(self, batch, number)

    monkeypatch.setattr(CaptionTask, "training_step", look)
    resume_alone(folder / "two/stopped_caption")
    image_ids = sorted({image_id for _, image_id in seen})
    assert len(image_ids) == 21
    assert sorted(seen) == [(epoch, image_id) for epoch in range(2) for image_id in image_ids]


def test_two_processes_go_on_with_the_pictures_that_one_has_left(together):
    """One process was given 3 batches of 5: the two share the 6 pictures that are left, then an epoch."""
    seen = trained_on(together[2], "resumed_caption")
    assert len(seen) == len(set(seen)) == 6 + 21
    assert len([image_id for epoch, image_id in seen if epoch == 1]) == 21


def test_streams_go_on_with_another_number_of_processes(together):
    folder = together[0]
    assert_ends_as_one(folder, folder / "two/resumed_char_lm")
    resume_alone(folder / "two/stopped_char_lm")
    assert_ends_as_one(folder, folder / "two/stopped_char_lm")


def resume_alone(run):
    train(load(run / "config.yaml", ["trainer.devices=1", "trainer.strategy=auto"]), run, resume=True)


def assert_ends_as_one(folder, run):
    """Weights, and the states of all streams in order, as of a run of one process that was not stopped."""
    one, found = newest(folder / "one/char_lm"), newest(run)
    for expected, leaf in zip(one["carried"], found["carried"], strict=True):
        torch.testing.assert_close(leaf, expected, rtol=1e-4, atol=1e-5)
    for name, weight in one["state_dict"].items():
        torch.testing.assert_close(found["state_dict"][name], weight, rtol=1e-4, atol=1e-5, msg=name)


def test_a_run_that_lightning_starts_is_stopped_as_a_whole(tmp_path):
    """Without --output: SIGTERM to the first process alone ends both, with one folder and one report."""
    config = config_of("char_lm", tmp_path, "trainer.max_epochs=100000", "training.save_every_minutes=0.0001")
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    words = [ROOT / "scripts/train.py", "--config", "config.yaml", "trainer.devices=2"]
    process = subprocess.Popen(
        [sys.executable, *map(str, words)],
        cwd=tmp_path,
        env=environment(tmp_path / "cache"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        end = time.monotonic() + TIMEOUT
        while not list(tmp_path.glob("runs/char_lm/*/last.ckpt")) and time.monotonic() < end:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()
    assert process.returncode == 128 + signal.SIGTERM, err
    assert "Warning" not in err
    assert out.count("Stopped after") == 1
    (run,) = tmp_path.glob("runs/char_lm/*")
    assert newest(run)["global_step"] > 0
    assert (run / "model/model.safetensors").is_file()
    assert len([name for name in os.listdir(run) if name.startswith("metrics")]) == 1
