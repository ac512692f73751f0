"""The page of a model's cells: its data against the analysis, and in a browser."""

import base64
import json
import re
import shutil
import subprocess
import zlib

import numpy as np
import pytest
from conftest import ROOT
from planted import planted_model, planted_text

from captioner.insight.interpretable_cells.analysis import analyse_cells
from captioner.insight.interpretable_cells.page import write_cells_page

LENGTH, HIDDEN, SHOWN = 12_000, 21, 1_501  # units and characters are odd in number: levels share bytes


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    file = tmp_path_factory.mktemp("page") / "cells.html"
    text = planted_text(LENGTH, 1)
    analysis = analyse_cells(planted_model(text, ROOT, HIDDEN, 1), text, ["quote", "line"], language="prose")
    write_cells_page(file, analysis, "<The cells>", SHOWN)
    return file, analysis


def data_of(file):
    found = re.search(
        r'<script type="application/json" id="data">(.*?)</script>', file.read_text(), re.DOTALL
    )
    return json.loads(found[1])


def unpacked(text, dtype=np.uint8):
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype)


def test_the_page_holds_levels_labels_and_guesses(written):
    file, analysis = written
    data, here = data_of(file), slice(LENGTH // 2, LENGTH // 2 + SHOWN)
    assert data["text"] == analysis.text.characters[here]
    (layer,) = data["layers"]
    packed = unpacked(layer["levels"])
    levels = np.stack([packed >> 4, packed & 15], axis=1).ravel()[: HIDDEN * SHOWN].reshape(HIDDEN, SHOWN)
    memory = analysis.recording.values_TK[here, HIDDEN : 2 * HIDDEN].astype(float)
    np.testing.assert_allclose(levels.T / 7.5 - 1, memory, atol=1 / 15 + 1e-3)
    names = analysis.model.vocabulary.words
    guesses = unpacked(data["guesses"], np.uint16).reshape(SHOWN, 5)
    chances = unpacked(data["chances"]).reshape(SHOWN, 5)
    np.testing.assert_array_equal(guesses, analysis.recording.guesses_TP[here])
    np.testing.assert_allclose(chances / 255, analysis.recording.chances_TP[here], atol=3e-3)
    assert [data["symbols"][names.index(symbol)] for symbol in ("\n", " ", "a")] == ["\u23ce", "\u2423", "a"]
    by_label = {one["label"]: one for one in data["labels"]}
    quote = unpacked(by_label["quote"]["values"])
    np.testing.assert_array_equal(quote == 254, analysis.values["quote"][here] == 1)
    assert by_label["quote"]["verdict"] == "localised, used for this alone"
    assert set(re.findall("https?://[^\"' ]+", file.read_text())) == {"http://www.w3.org/2000/svg"}
    assert "<h1>&lt;The cells&gt;</h1>" in file.read_text()


@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")
@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        (
            "cell=1.1&at=300&label=line",
            ["characters since the start of the line", 'class="l[0-9]+ caret"'],
        ),
        ("label=quote&guesses=1&truth=1", ["inside double quotes", 'class="row tall"', 'class="guess"']),
        ("cell=1.0&at=40&from=20", ["On in the selection, off around it"]),
        ("cell=9.9&at=99999&from=-1&label=none", ["inside double quotes|since the start of the line"]),
    ],
)
def test_a_browser_shows_what_the_address_says(written, tmp_path, address, wanted):
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    options += ["--disable-background-networking", "--virtual-time-budget=4000"]
    command = ["chromium", *options, "--dump-dom", f"file://{written[0]}#{address}"]
    drawn = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout
    body = drawn[: drawn.index('<script type="application/json"')]
    for pattern in wanted:
        assert re.search(pattern, body), pattern
    rows = len(re.findall('data-row="', body))
    assert 5 < rows < analysis_lines(written[1])  # those that can be seen, and no more


def analysis_lines(analysis):
    return analysis.text.characters[LENGTH // 2 : LENGTH // 2 + SHOWN].count("\n")
