"""Every shipped config is right: it loads, says its own command, and builds its parts."""

import re

import pytest
from conftest import ROOT

from captioner.app.train import check
from captioner.config import load
from captioner.decoders.base import DECODERS
from captioner.encoders.base import ENCODERS
from captioner.tasks.folder import _without_weight_files
from captioner.vocabulary import SPECIAL

FILES = sorted((ROOT / "configs").rglob("*.yaml"))
HEAVY = 4096 * 512 * 49  # fc6 of a VGG: half a gigabyte of random numbers says nothing more


def name(file):
    return str(file.relative_to(ROOT))


def test_there_are_configs():
    assert "configs/caption.yaml" in map(name, FILES)
    assert any(file.parent.name == "recipes" for file in FILES)


@pytest.mark.parametrize("file", FILES, ids=name)
def test_it_passes_the_check_of_training(file):
    check(load(file))


@pytest.mark.parametrize("file", FILES, ids=name)
def test_it_opens_with_its_command_and_what_it_is(file):
    lines = file.read_text(encoding="utf-8").splitlines()
    comment = [line for line in lines[: lines.index("task:")]]
    assert all(line.startswith("#") for line in comment)
    assert comment[0].endswith((".", ",")) or len(comment[0]) > 20
    text = re.sub(r"\\\n#", "", "\n".join(comment))
    (command,) = re.findall(r"^#\s+python scripts/train\.py (.*)$", text, re.MULTILINE)
    if file.parent.name == "recipes":
        assert command.split()[:2] == ["--config", name(file)]
        changes = command.split()[2:]
    else:
        assert command.split()[:2] == ["--task", file.stem]
        changes = command.split()[2:]
    check(load(file, changes))


@pytest.mark.parametrize("file", FILES, ids=name)
def test_its_parts_can_be_built_and_fit_together(file):
    config = load(file)
    options = _without_weight_files(config.encoder)
    if options.get("layer") in ("fc6", "fc7"):
        options["width"] = 0.05
