"""`data.py features` stores what training then reads."""

import pytest
from tiny_models import tiny_config

from captioner.commands import main
from captioner.encoders.vgg import VGG
from captioner.training.train import train


@pytest.fixture
def config_file(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tiny.encoder["fine_tune_from"] = None
    tiny.training.feature_dtype = "int8"
    (tmp_path / "tiny.yaml").write_text(tiny.to_yaml())
    return tmp_path / "tiny.yaml"


def test_training_computes_nothing_that_is_stored(config_file, tiny, tmp_path, monkeypatch, capsys):
    main("data", ["features", "--config", str(config_file)])
    (home,) = (tmp_path / "cache/captioner/features").iterdir()
    assert home.name.endswith("-int8")
    assert capsys.readouterr().err.count("features of") == 2
    forward, images = VGG.forward, []
    monkeypatch.setattr(VGG, "forward", lambda self, x: images.append(len(x)) or forward(self, x))
    main("data", ["features", "--config", str(config_file)])
    train(tiny, tmp_path / "run")
    assert images == []


def refused(capsys, *words):
    with pytest.raises(SystemExit) as exit_:
        main("data", ["features", *words])
    assert exit_.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_where_there_are_no_features_to_store(config_file, tmp_path, capsys):
    line = refused(capsys, "--config", str(config_file), "encoder.fine_tune_from=conv1_1")
    assert line.endswith("There are no features to store: the encoder is trained.")
    line = refused(capsys, "--config", str(config_file), "training.augment=true")
    assert line.endswith("There are no features to store: training.augment is on.")
    line = refused(capsys, "name=scenes", f"folder={tmp_path}")
    assert line.endswith("name its config with --task or --config.")
    text = tiny_config("char_lm", tmp_path, "decoder.cell.hidden_dim=5")
    (tmp_path / "text.yaml").write_text(text.to_yaml())
    assert "name its config" in refused(capsys, "--config", str(tmp_path / "text.yaml"))


def test_another_format_is_refused_by_name(config_file, capsys):
    line = refused(capsys, "--config", str(config_file), "training.feature_dtype=int4")
    assert "training.feature_dtype must be float16, float8 or int8, not 'int4'" in line
