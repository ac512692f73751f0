"""Gradient flow measured on real text: vanishing, exploding, and mistakes of the command."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from captioner.commands import main
from captioner.config import Config
from captioner.data.text.alphabet import Alphabet
from captioner.errors import UserError
from captioner.insight import gradient_measurement
from captioner.insight.gradient_measurement import GradientFlowSetup, measure_gradient_flow
from captioner.models.char_lm import CharLanguageModel
from captioner.models.folder import save_model

SETUP = GradientFlowSetup(steps=40, passages=4, hidden_dim=9, seed=1)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    file = tmp_path_factory.mktemp("text") / "text.txt"
    file.write_text("the quick brown fox jumps over the lazy dog.\n" * 60)
    return file


@pytest.fixture(scope="module")
def model(text):
    decoder = {"name": "language_model", "cell": {"name": "lstm", "hidden_dim": 7}}
    config = Config(task={"name": "char_lm"}, data={"name": "corpus", "path": str(text)}, decoder=decoder)
    alphabet = Alphabet.of(text.read_text(), "characters")
    torch.manual_seed(2)
    save_model(CharLanguageModel(config, alphabet.vocabulary), text.parent / "model", {})
    return text.parent / "model"


def test_an_elman_cell_vanishes_below_one_and_explodes_above_where_an_lstm_keeps_on(text):
    below = measure_gradient_flow(None, ["elman"], text, SETUP._replace(spectral_norm=0.8))["elman"]
    norms = below.gradient_norms["h"]
    assert below.singular_values["h"][0] == pytest.approx(0.8, rel=1e-5)  # scaled in single precision
    assert all(norm <= norms[0] * 0.8001**back for back, norm in enumerate(norms))
    above = measure_gradient_flow(None, ["elman", "lstm"], text, SETUP._replace(spectral_norm=6.0, clip=0.5))
    assert max(above["elman"].gradient_norms["h"]) > 10 * above["elman"].gradient_norms["h"][0]
    assert max(above["elman"].update_norms) > 0.5 >= max(above["elman"].clipped_norms)
    plain = measure_gradient_flow(None, ["elman", "lstm"], text, SETUP)
    kept = {name: flow.gradient_norms["h"][-1] / flow.gradient_norms["h"][0] for name, flow in plain.items()}
    assert kept["lstm"] > 1e6 * kept["elman"]


def test_a_trained_model_is_measured_on_what_it_learnt(model):
    flow = measure_gradient_flow(model, [], None, SETUP)["trained"]
    assert set(flow.gradient_norms) == {"h", "c"}
    assert [len(norms) for norms in flow.gradient_norms.values()] == [41, 41]
    assert flow.lengths[0] == 1
    assert flow.lengths[-1] == 40
    assert set(flow.singular_values) == {"i", "f", "g", "o"}


def test_it_computes_on_one_thread(text, monkeypatch):
    """Or threads would wait for each other, spinning, at every small operation."""
    seen = []
    monkeypatch.setattr(gradient_measurement, "_measure", lambda *given: seen.append(torch.get_num_threads()))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        measure_gradient_flow(None, ["elman", "gru"], text, SETUP)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert seen == [1, 1]


def test_the_command_writes_a_picture_and_its_numbers(model, text, tmp_path, capsys):
    picture = tmp_path / "new" / "flow.png"
    words = ["--model", str(model), "--cells", "elman", "gru", "--hidden", "6", "--steps", "20"]
    main("gradflow", [*words, "--passages", "3", "--output", str(picture)])
    with Image.open(picture) as image:
        assert image.width > 1000
    found = json.loads(picture.with_suffix(".json").read_text())
    assert list(found["cells"]) == ["trained", "elman", "gru"]
    assert found["setup"]["steps"] == 20
    again = measure_gradient_flow(model, ["elman"], None, GradientFlowSetup(20, 3, 5.0, 6))["elman"]
    assert found["cells"]["elman"]["gradient_norms"]["h"] == pytest.approx(again.gradient_norms["h"])
    assert "20 back" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cells", "elmann"], "There is no cell 'elmann'"),
        (["--cells", "elman", "--steps", "0"], "argument --steps: must be at least 1, not 0"),
        (["--cells", "elman", "--output", "flow.jpg"], "--output draws .png files, not flow.jpg"),
        ([], "train first"),
    ],
)
def test_mistakes_end_with_one_sentence(words, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main("gradflow", words)
    assert left.value.code == 2
    assert message in capsys.readouterr().err


def test_a_text_that_is_too_short_is_refused(tmp_path):
    (tmp_path / "short.txt").write_text("short")
    with pytest.raises(UserError, match="40 steps need 42"):
        measure_gradient_flow(None, ["elman"], tmp_path / "short.txt", SETUP)


def test_a_model_of_another_task_is_refused(text, monkeypatch):
    captioner = SimpleNamespace(config=Config(task={"name": "caption"}, data={}))
    monkeypatch.setattr(gradient_measurement, "load_model", lambda folder: captioner)
    with pytest.raises(UserError, match=r"^folder holds a model for the task caption, not char_lm\.$"):
        measure_gradient_flow(Path("folder"), [], text, SETUP)
