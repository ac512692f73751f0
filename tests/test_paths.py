"""Models are found by name, by their folder or by that of their run."""

import shutil

import pytest

from captioner.commands import main
from captioner.config import load
from captioner.errors import UserError
from captioner.paths import cache_hint, model_folder
from captioner.training.checks.components import check_components


def test_the_folder_of_a_run_stands_for_its_model(tmp_path):
    (tmp_path / "run/model").mkdir(parents=True)
    assert model_folder(tmp_path / "run", "caption") == tmp_path / "run/model"
    assert model_folder(tmp_path / "run/model", "caption") == tmp_path / "run/model"
    with pytest.raises(UserError, match=r"There is no model .*gone"):
        model_folder(tmp_path / "gone", "caption")


def test_every_way_to_name_a_model_takes_the_folder_of_a_run(tiny_model, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(tiny_model("char_lm"), run / "model")
    main("sample", ["--model", str(run), "--max-length", "5"])
    main("models", [str(run)])
    main(
        "gradflow",
        ["--model", str(run), "--steps", "3", "--passages", "2", "--output", str(tmp_path / "a.png")],
    )
    main("export", [str(run), str(tmp_path / "small"), "--task", "char-lm"])
    assert (tmp_path / "small/model.safetensors").is_file()
    config = load(run / "model/config.yaml", [f"training.init_from={run}"])
    check_components(config)


def test_only_a_file_of_the_cache_is_told_how_the_cache_is_moved(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert "XDG_CACHE_HOME" in cache_hint(tmp_path / "cache/captioner/features")
    assert "XDG_CACHE_HOME" in cache_hint(tmp_path / "cache")
    assert cache_hint(tmp_path / "other") == ""
