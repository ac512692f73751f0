"""All pages: text is text and never markup, nothing comes from the network, scripts are whole."""

import json
import re
import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest
from html_page import read_page
from jinja2 import UndefinedError
from PIL import Image

from captioner.insight.nll_page import write_nll_page
from captioner.insight.pages import jpeg_data_uri, write_page
from captioner.insight.samples_page import PageSample, write_samples_page
from captioner.insight.search_tree import write_search_tree
from captioner.search.trace import Candidate, TraceEvent

IMAGE = Image.new("RGB", (9, 6), "red")
TEMPLATES = files("captioner.insight").joinpath("templates")
HOSTILE = [
    "</script><script>alert(1)</script>",
    "</pre></p></title></style></article><img src=x onerror=alert(1)>",
    "\"><b a='",
    "'><b a=\"",
    "&lt;b&gt; &amp; &#60;",
    "<!-- --> <![CDATA[ ]]>",
    "\u2028\u2029\\u003c\\",
    "{{ 7 * 7 }}{% endblock %}{# #}",
]


def samples_page(file, text):
    """Every place of the page where a text is shown, as the parser reads it."""
    with_words = PageSample(1, IMAGE, text, [text], [[0.3, 0.7]], (1, 2), [text], {text: 0.5}, text)
    write_samples_page(file, text, {text: 1.0}, [with_words, PageSample(2, IMAGE, text)])
    page = read_page(file)
    yield from page.texts("title") + page.texts("h1") + page.texts("th") + page.texts("dt")[:1]
    yield from page.texts("p", "caption") + page.texts("p", "note") + page.texts("li")
    yield from page.texts("span", "word") + [attributes["alt"] for attributes, _ in page.all("img")]
    yield from json.loads(page.all("article")[0][0]["data-scores"])
    for (attributes, label), order in zip(page.all("option"), ("worst", "best"), strict=False):
        yield attributes["value"][2:]
        yield label.removesuffix(f", {order} first")


def tree_page(file, text):
    events = [TraceEvent(0, 1, 0, [Candidate(0, 1, 2, -1.0, -1.0, 0.0, -1.0, False)])]
    write_search_tree(file, text, events, ["", "", text], {text: text}, [{"text": text}], IMAGE)
    page = read_page(file)
    yield from page.texts("title")
    raw = page.all("script")[0][1]
    assert not set("<>&") & set(raw)
    shown = json.loads(raw)["data"]
    yield from (shown["title"], *shown["settings"], *shown["settings"].values(), shown["captions"][0]["text"])
    yield shown["steps"][0]["groups"][0]["candidates"][0][3]


def nll_page(file, text):
    write_nll_page(file, text, text, np.ones(len(text)))
    page = read_page(file)
    yield from page.texts("title") + page.texts("h1") + page.texts("pre")


PAGES = pytest.mark.parametrize(
    ("write", "places"), [(samples_page, 16), (tree_page, 6), (nll_page, 3)], ids=["samples", "tree", "nll"]
)


def structure(file):
    return [(tag, list(attributes)) for tag, attributes, _ in read_page(file).elements]


@PAGES
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_and_changes_no_element(write, places, text, tmp_path):
    found = list(write(tmp_path / "hostile.html", text))
    assert found == [text] * places
    assert list(write(tmp_path / "harmless.html", "dog")) == ["dog"] * places
    assert structure(tmp_path / "hostile.html") == structure(tmp_path / "harmless.html")


@PAGES
def test_a_page_is_one_file_without_the_network(write, places, tmp_path):
    list(write(tmp_path / "page.html", "dog"))
    text = (tmp_path / "page.html").read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert "default-src 'none'" in text
    assert not re.search(r"https?:|@import|<link|fetch\(|XMLHttpRequest", text)
    assert not re.search(r"""(src|href)=["']?(?!data:)\w""", text)
    assert list(tmp_path.iterdir()) == [tmp_path / "page.html"]


@PAGES
def test_scripts_and_styles_are_in_the_page_as_they_are(write, places, tmp_path):
    """None of their braces is taken for a template's."""
    list(write(tmp_path / "page.html", "dog"))
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    included = [one for one in TEMPLATES.iterdir() if one.name.endswith((".css", ".js"))]
    inside = [one.name for one in included if one.read_text(encoding="utf-8") in text]
    stem = {samples_page: "samples", tree_page: "no other", nll_page: "nll"}[write]
    assert sorted(inside) == sorted(one.name for one in included if one.name.split(".")[0] in ("base", stem))
    assert "{{" not in text
    assert "{%" not in text


def test_a_file_name_that_is_no_unicode_can_be_a_title(tmp_path):
    list(nll_page(tmp_path / "page.html", "caf\udce9"))
    assert read_page(tmp_path / "page.html").texts("h1") == ["caf?"]


def test_a_missing_value_is_an_error(tmp_path):
    with pytest.raises(UndefinedError, match="title"):
        write_page(tmp_path / "page.html", "nll.html", summary="", levels=[], runs=[])
    assert not (tmp_path / "page.html").exists()


def test_pictures_are_made_smaller_but_never_larger():
    small, large = (jpeg_data_uri(Image.new("L", size), 50) for size in ((9, 6), (900, 600)))
    assert small.startswith("data:image/jpeg;base64,")
    assert len(small) < len(large) < 2000


def test_the_template_library_is_imported_when_a_page_is_written_not_before():
    code = "import captioner.insight.nll_page, captioner.insight.samples_page, sys"
    code += "; sys.exit('jinja2' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
