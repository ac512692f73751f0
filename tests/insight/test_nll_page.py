"""The page of a text by its likelihood: bits, their levels, and what is not predicted."""

import math

import numpy as np
import pytest
from html_page import read_page

from captioner.insight import nll_page
from captioner.insight.nll_page import write_nll_page


@pytest.fixture
def file(tmp_path):
    return tmp_path / "new folder" / "page.html"


def test_neighbours_of_one_level_are_one_run_with_their_bits(file):
    text = "ab<\ncde"
    bits = np.array([np.nan, 0.3, 0.7, 3.6, 3.2, 9.4, 40.0])
    write_nll_page(file, "title", text, bits * math.log(2))
    page = read_page(file)
    runs = [(one["class"], one["title"], shown) for one, shown in page.all("span")[nll_page.LEVELS :]]
    assert runs == [
        ("n", "", "a"),
        ("b0", "0.3 0.7", "b<"),
        ("b3", "3.6 3.2", "\u23ce\nc"),
        ("b9", "9.4 40.0", "de"),
    ]
    mean = np.nanmean(bits)
    assert page.texts("p")[0] == f"7 characters, {mean:.3f} bits each; perplexity {2**mean:.3f}."


def test_every_level_has_a_colour_and_a_place_in_the_legend(file):
    write_nll_page(file, "title", "a", np.ones(1))
    page = read_page(file)
    names = [text.strip("\xa0") for text in page.texts("span")[: nll_page.LEVELS]]
    assert names == [*map(str, range(nll_page.LEVELS - 1)), f"{nll_page.LEVELS - 1}+"]
    (style,) = page.texts("style")
    for level in range(nll_page.LEVELS):
        assert style.count(f".b{level} {{ background: light-dark(rgb(") == 1


def test_of_a_long_text_and_of_a_long_run_the_first_part_is_shown(file, monkeypatch):
    monkeypatch.setattr(nll_page, "LIMIT", 1000)
    write_nll_page(file, "title", "a" * 1200, np.ones(1200))
    page = read_page(file)
    assert page.texts("pre") == ["a" * 1000]
    assert page.texts("p")[0].endswith("Shown are the first 1,000.")
    (run,) = page.all("span")[nll_page.LEVELS :]
    assert len(run[0]["title"].split()) == nll_page.MAX_FIGURES


def test_as_many_numbers_as_characters_are_needed(file):
    with pytest.raises(ValueError, match="2 numbers do not fit 3 characters"):
        write_nll_page(file, "title", "abc", np.ones(2))
