"""Every shipped config is right: it loads, says its own command, and builds its parts."""

import re
import shlex

import pytest
import torch
from conftest import ROOT
from PIL import Image

from captioner.config import load, model_options
from captioner.decoders.base import DECODERS
from captioner.encoders.base import ENCODERS
from captioner.models.base import build_model
from captioner.models.folder import without_weight_files
from captioner.search.base import SEARCHES
from captioner.training.objectives.base import OBJECTIVES
from captioner.training.train import check
from captioner.vocabulary import SPECIAL, Vocabulary

FILES = sorted(file for file in (ROOT / "configs").rglob("*.yaml") if file.parent.name != "fine_tune")
FINE_TUNE = sorted((ROOT / "configs/fine_tune").glob("*.yaml"))
ASKED = [file for file in FILES if load(file).task["name"] == "vqa"]


def name(file):
    return str(file.relative_to(ROOT))


def test_there_are_configs():
    assert "configs/caption.yaml" in map(name, FILES)
    assert any(file.parent.name == "recipes" for file in FILES)


@pytest.mark.parametrize("file", FILES, ids=name)
def test_it_passes_the_check_of_training(file, tiny_model):
    check(load(file, start(file, tiny_model)))


def start(file, tiny_model):
    """Name a trained model where the objective must start from one."""
    objective = load(file).objective
    starts = bool(objective) and OBJECTIVES.class_of(objective).rewards_samples
    return [f"training.init_from={tiny_model('caption')}"] if starts else []


@pytest.mark.parametrize("file", FINE_TUNE, ids=name)
def test_a_config_to_fine_tune_with_is_whole_with_the_parts_of_a_model(file, tiny_model):
    config = load(file, ["data.folder=my_photos"], model_options(tiny_model(file.stem)))
    check(config)
    assert config.task["name"] == file.stem


@pytest.mark.parametrize("file", FILES, ids=name)
def test_it_opens_with_what_it_is_and_its_commands(file, tiny_model):
    lines = file.read_text(encoding="utf-8").splitlines()
    comment = lines[: lines.index("task:")]
    assert len(comment) > 2
    assert all(line.startswith("#") for line in comment)
    assert re.match(r"# [A-Z]\w+", comment[0])
    text = "\n".join(comment).replace("\\\n#", "")
    commands = re.findall(r"^#\s+python scripts/train\.py (.*)$", text, re.MULTILINE)
    assert commands
    for command in commands:
        option, value, *changes = shlex.split(command)
        expected = ("--config", name(file)) if file.parent.name == "recipes" else ("--task", file.stem)
        assert (option, value) == expected
        there = f"training.init_from={tiny_model('caption')}"
        changes = [there if change.startswith("training.init_from=") else change for change in changes]
        check(load(file, [*changes, *start(file, tiny_model)]))


def small(encoder):
    options = without_weight_files(encoder)
    if options.get("layer") in ("fc6", "fc7"):
        options |= {"width": 0.02, "weights": None}
    return options


@pytest.mark.parametrize("file", [file for file in FILES if file not in ASKED], ids=name)
def test_its_parts_can_be_built_and_fit_together(file):
    """With random weights, and fully connected layers of a few units: fc6 alone would be 400 MB."""
    config = load(file)
    if config.task["name"] == "char_lm":
        said = len(SPECIAL) + 5
        model = DECODERS.build(config.decoder, vocab_size=said, endless=True).eval()
        started = model.start(torch.zeros(2, 0, 0))
        with torch.inference_mode():
            step = model.step(torch.tensor([4, 8]), started.state, started.memory)
        assert step.logits_NV.shape == (2, said)
        return
    if config.task["name"] == "translate":
        words = Vocabulary([*SPECIAL, "a", "b"])
        model = build_model(config, words).eval()
        with torch.inference_mode():
            (found,) = SEARCHES.build(config.search)(model.decoder, model.features(torch.tensor([[4, 5, 4]])))
        assert len(found) == 1
        return
    if config.task["name"] == "memory":
        model = build_model(config, Vocabulary(SPECIAL)).eval()
        problem = model.problem
        assert model(torch.zeros(2, problem.steps, problem.input_dim), 3).shape == (2, 3, problem.output_dim)
        return
    encoder = ENCODERS.build(small(config.encoder))
    places = encoder.grid[0] * encoder.grid[1]
    facts = {"feature_dim": encoder.feature_dim, "num_locations": places, "vocab_size": len(SPECIAL) + 1}
    decoder = DECODERS.build(config.decoder, **facts)
    features_BLF = torch.randn(1, places, encoder.feature_dim)
    with torch.inference_mode():
        ((best, *_),) = SEARCHES.build((config.search or {"name": "greedy"}) | {"max_length": 3})(
            decoder.eval(), features_BLF
        )
    assert len(best.tokens) <= 3


@pytest.mark.parametrize("file", ASKED, ids=name)
def test_its_parts_answer_a_question(file):
    config = load(file)
    config.encoder = small(config.encoder)
    card = {"answers": ["yes", "no", "2"]}
    model = build_model(config, Vocabulary(SPECIAL), card).eval()
    with torch.inference_mode():
        image = Image.new("RGB", (64, 48))
        pixels = torch.empty(0) if model.encoder is None else model.encoder.preprocessing(image)
        features_BLF = model.encode_images([pixels])
        answered = model.ask(features_BLF, [0, 0], ["Why?", "What is it?"])
    assert answered.logits_NV.shape == (2, 3)
