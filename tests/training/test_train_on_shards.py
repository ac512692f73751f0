"""Training on shards: the losses of the source that was written, and going on with other workers."""

from pathlib import Path

import pytest
import torch
from runs import newest, rows, stop_after

from captioner.config import Config, load
from captioner.data.captions.base import CAPTION_SOURCES
from captioner.data.formats.shard_writer import write_shards
from captioner.evaluation.caption import evaluate
from captioner.training import train as training


@pytest.fixture
def sharded(tiny: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The tiny config on shards of its pictures, which are in their cache folder alone."""
    write_shards(CAPTION_SOURCES.build(tiny.data), tmp_path / "shards", 9)
    config = load_again(tiny, tmp_path)
    config.data = {"name": "shards", "folder": str(tmp_path / "shards"), "window": 5}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return config


def load_again(config: Config, folder: Path) -> Config:
    (folder / "again.yaml").write_text(config.to_yaml())
    return load(folder / "again.yaml")


def losses(run: Path) -> list[str]:
    return [row["train/loss_step"] for row in rows(run) if row["train/loss_step"]]


@pytest.mark.parametrize("frozen", [False, True], ids=["read every epoch", "stored features"])
def test_the_losses_are_those_of_the_source_that_was_written(
    tiny: Config, sharded: Config, tmp_path: Path, frozen: bool
) -> None:
    sharded.data["window"] = None  # in the order of other sources
    for config in (tiny, sharded):
        config.encoder["fine_tune_from"] = None if frozen else "conv1_1"
    training.train(tiny, tmp_path / "files")
    result = training.train(sharded, tmp_path / "tars")
    assert losses(tmp_path / "files") == losses(tmp_path / "tars")
    assert len(losses(tmp_path / "tars")) == 12
    one, other = (newest(tmp_path / name)["state_dict"] for name in ("files", "tars"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    figures = evaluate(result.model, tmp_path / "a").figures["test"]
    expected = evaluate(result.model, tmp_path / "b", data=tiny.data).figures["test"]
    assert figures == {name: expected[name] for name in figures}


@pytest.mark.parametrize(("updates", "workers", "later"), [(2, 1, 0), (5, 0, 2), (8, 2, 1)])
def test_a_run_goes_on_exactly_in_the_middle_of_an_epoch_with_another_number_of_workers(
    sharded: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, updates: int, workers: int, later: int
) -> None:
    training.train(sharded, tmp_path / "whole")
    sharded.training.num_workers = workers
    with monkeypatch.context() as patch:
        stop_after(patch, updates)
        assert training.train(sharded, tmp_path / "parts").interrupted
    again = load(tmp_path / "parts/config.yaml", [f"training.num_workers={later}"])
    training.train(again, tmp_path / "parts", resume=True)
    one, other = (newest(tmp_path / name)["state_dict"] for name in ("parts", "whole"))
    assert [name for name in one if not torch.equal(one[name], other[name])] == []
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
    assert len(losses(tmp_path / "whole")) == 12
