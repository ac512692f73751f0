"""The samples page, read back with a parser: whole, escaped, and without a need for the network."""

import base64
import io
import json
import shutil
import subprocess

import numpy as np
import pytest
from html_page import Page, read_page
from PIL import Image

from captioner.insight.samples_page import THUMBNAIL, PageSample, page_note, shown_on_page, write_samples_page

HOSTILE = """<script>alert("x")</script> & <b>'dog'</b> <!--cards-->"""


def samples():
    rng = np.random.default_rng(0)
    photo = Image.fromarray(rng.integers(0, 255, (300, 450, 3), dtype=np.uint8))
    alphas = rng.dirichlet(np.ones(6), 3)
    return [
        PageSample(
            7,
            photo,
            "a <big> dog",
            ["a", "<big>", "dog"],
            alphas.tolist(),
            (2, 3),
            ["the dog", HOSTILE],
            {"cider_d": 0.5, "bleu4": 0.25},
            note=HOSTILE,
        ),
        PageSample(12, photo.convert("RGBA"), HOSTILE, scores={"cider_d": 1.5, "true": 1.0}),
    ]


@pytest.fixture
def page_file(tmp_path):
    file = tmp_path / "new folder" / "page.html"
    write_samples_page(file, HOSTILE, {"bleu4": 0.19512, HOSTILE: 1}, samples())
    return file


@pytest.fixture
def page(page_file):
    return read_page(page_file)


def test_everything_is_there_and_nothing_is_markup(page):
    assert page.all("h1") == [({}, HOSTILE)] and page.all("title") == [({}, HOSTILE)]  # noqa: PT018
    assert [text for _, text in page.all("th")] == ["bleu4", HOSTILE]
    assert [text for _, text in page.all("td")] == ["0.195", "1.000"]
    assert [text for _, text in page.all("p", "caption")] == ["a <big> dog", HOSTILE]
    assert [text for _, text in page.all("li")] == ["the dog", HOSTILE]
    assert [text for _, text in page.all("p", "note")] == [HOSTILE]
    assert [text for _, text in page.all("dd")] == ["0.500", "0.250", "7", "1.500", "1.000", "12"]
    assert len(page.all("script")) == 1


def test_every_score_can_be_sorted_by_worst_first(page):
    options = [(attributes["value"], text) for attributes, text in page.all("option")]
    names = ["cider_d", "bleu4", "true"]
    expected = [
        (f"{s}1{n}", f"{n}, {w}") for n in names for s, w in (("+", "worst first"), ("-", "best first"))
    ]
    assert options == [*expected, ("+1", "as given"), ("20", "20"), ("Infinity", "all")]
    cards = [json.loads(attributes["data-scores"]) for attributes, _ in page.all("article")]
    assert cards == [dict(sample.scores) for sample in samples()]


def test_words_carry_their_attention(page):
    words = page.all("span", "word")
    assert [text for _, text in words] == ["a", "<big>", "dog"]
    assert page.all("article")[0][0]["data-grid"] == "2 3"
    for (attributes, _), alphas in zip(words, samples()[0].alphas, strict=True):
        shown = np.frombuffer(base64.b64decode(attributes["data-alphas"]), dtype=np.uint8)
        assert shown.max() == 255
        assert np.abs(shown / 255 - np.array(alphas) / max(alphas)).max() <= 0.5 / 255 + 1e-9
    assert len(page.all("p", "hint")) == 1


def test_pictures_are_inside_the_file(page):
    sources = [attributes["src"] for attributes, _ in page.all("img")]
    assert len(sources) == 2
    for source in sources:
        kind, data = source.split(",")
        assert kind == "data:image/jpeg;base64"
        image = Image.open(io.BytesIO(base64.b64decode(data)))
        assert image.size == (THUMBNAIL, round(THUMBNAIL * 300 / 450))


def test_a_captioner_that_does_not_attend_gets_no_hint(tmp_path):
    write_samples_page(tmp_path / "page.html", "title", {}, samples()[1:])
    page = read_page(tmp_path / "page.html")
    assert page.all("p", "hint") == page.all("span") == []


def test_weights_must_fit_words_and_grid(tmp_path):
    wrong = PageSample(5, Image.new("RGB", (4, 4)), "a b", ["a", "b"], [[1.0, 0.0]], (1, 2))
    with pytest.raises(ValueError, match="image 5: 2 words"):
        write_samples_page(tmp_path / "page.html", "title", {}, [wrong])


ACTIONS = """<script>
  const enter = (control, value) => { control.value = value; control.dispatchEvent(new Event("input")); };
  const images = () => [...document.querySelectorAll(".id dd")].map(id => id.textContent);
  const found = {};
  for (const text of ["BIG>", "<bi"]) { enter(word, text); found[text] = count.value; }
  enter(word, "");
  for (const order of ["+1cider_d", "-1cider_d", "+1true", "-1true"]) {
    enter(sort, order);
    found[order] = images();
  }
  const second = document.querySelectorAll(".word")[1];
  second.dispatchEvent(new MouseEvent("mouseover", {bubbles: true}));
  found.mask = document.querySelector(".masked .attended").style.maskImage.slice(0, 19);
  second.dispatchEvent(new MouseEvent("mouseout", {bubbles: true}));
  found.left = document.querySelectorAll(".masked, .attended").length;
  document.title = JSON.stringify(found);
</script></body>"""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium")
def test_a_browser_sorts_filters_and_shows_attention(page_file, tmp_path):
    text = page_file.read_text(encoding="utf-8")
    page_file.write_text(text.replace("</body>", ACTIONS), encoding="utf-8")
    quiet = ["background-networking", "component-update", "default-apps", "gpu", "quic", "sync"]
    command = [
        "chromium",
        "--headless",
        "--no-sandbox",
        "--no-first-run",
        f"--user-data-dir={tmp_path / 'user'}",
    ]
    command += [*(f"--disable-{part}" for part in quiet), "--dump-dom", page_file.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert json.loads(Page(shown).all("title")[0][1]) == {
        "BIG>": "0 of 0 with \u201cbig>\u201d",
        "<bi": "1 of 1 with \u201c<bi\u201d",
        "+1cider_d": ["7", "12"],
        "-1cider_d": ["12", "7"],
        "+1true": ["12", "7"],  # image 7 has no such score and comes last
        "-1true": ["12", "7"],
        "mask": 'url("data:image/png',
        "left": 0,
    }


def test_the_page_shows_the_worst_and_some_of_all():
    ranking = {i: (i * 37 % 701) / 7 for i in range(700, 0, -1)}
    chosen = shown_on_page(ranking)
    assert len(set(chosen)) == len(chosen) == 200
    assert chosen == sorted(chosen, reverse=True)
    ranked = sorted(ranking.values())
    shown = sorted(ranking[i] for i in chosen)
    assert shown[:100] == ranked[:100]
    assert shown[100:] == ranked[105::6]
    assert "100 worst by taste" in page_note(ranking, "taste")
    few = {i: ranking[i] for i in list(ranking)[:200]}
    assert shown_on_page(few) == list(few)
    assert page_note(few, "taste") == ""
