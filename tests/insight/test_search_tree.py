"""The page of a search: it holds what was chosen and what was dropped, and needs nothing else."""

import json
import re
import shutil
import subprocess

import pytest
import torch
from html_page import read_page
from PIL import Image

from captioner.decoders.base import DECODERS
from captioner.insight.search_tree import MAX_DROPPED, write_search_tree
from captioner.search.base import SEARCHES
from captioner.search.trace import Candidate, SearchTrace, TraceEvent

WORDS = ["<pad>", "<bos>", "<eos>", "<unk>", "red", "blue", "</script>"]


@pytest.fixture
def searched(tmp_path):
    """A page of a diverse search in two groups, the events, and its answers."""
    torch.manual_seed(3)
    config = {"name": "show_tell", "cell": {"name": "lstm", "hidden_dim": 6}, "embed_dim": 5}
    decoder = DECODERS.build(config, feature_dim=4, vocab_size=len(WORDS)).eval()
    trace = SearchTrace()
    search = SEARCHES.build({"name": "diverse", "beam_size": 4, "groups": 2, "max_length": 4})
    (found,) = search(decoder, torch.randn(1, 3, 4), 2, trace)
    captions = [(" ".join(WORDS[t] for t in h.tokens), h.log_prob, h.score) for h in found]
    page = tmp_path / "trees/tree.html"
    settings = {"name": "diverse", "required_words": ["<b>"]}
    image = Image.new("RGB", (300, 200), "red")
    write_search_tree(page, "a & b.png", trace.events, WORDS, settings, captions, image)
    return page, trace.events, captions


def steps_of(page) -> list:
    return json.loads(read_page(page).texts("script")[0])


def test_every_choice_is_in_the_page(searched):
    page, events, _ = searched
    steps = steps_of(page)
    assert [(s["time"], s["group"]) for s in steps] == [(e.time, e.group) for e in events]
    assert {s["group"] for s in steps} == {0, 1}
    for step, event in zip(steps, events, strict=True):
        for row in step["candidates"]:
            (match,) = [c for c in event.candidates if [c.parent, c.node, WORDS[c.token]] == row[:3]]
            figures = [match.log_prob, match.total, match.penalty, match.score]
            assert row[3:7] == pytest.approx(figures, abs=1e-5)
            assert row[7] == int(match.finished)
        assert [r[1] for r in step["candidates"] if r[1] is not None] == [
            c.node for c in event.candidates if c.kept
        ]


def test_settings_and_results_are_listed(searched):
    page, _, captions = searched
    shown = read_page(page)
    assert shown.texts("h1") == ["a & b.png"]
    assert shown.texts("dt") == ["name", "required_words"]
    assert shown.texts("dd") == ["diverse", "['<b>']"]
    for (caption, log_prob, score), line in zip(captions, shown.texts("li"), strict=True):
        figures = f"log p {log_prob:.2f}"
        figures += f", score {score:.2f}" if abs(score - log_prob) > 5e-3 else ""
        assert line == f"{caption} {figures}"


def test_of_long_searches_the_first_choices_and_the_best_candidates_are_shown(tmp_path):
    kept = Candidate(0, 1, 4, -9.0, -9.0, 0.0, -9.0, False)
    rest = [Candidate(0, None, 5, -float(n), -float(n), 0.0, -float(n), False) for n in range(50)]
    events = [TraceEvent(0, time, 0, [*rest, kept]) for time in range(1, 703)]
    write_search_tree(tmp_path / "tree.html", "long", events, WORDS, {}, [])
    steps = steps_of(tmp_path / "tree.html")
    assert len(steps) == 600
    assert "102 later choices are not shown" in (tmp_path / "tree.html").read_text()
    dropped = [row[3] for row in steps[0]["candidates"] if row[1] is None]
    assert dropped == [-float(n) for n in range(MAX_DROPPED)]


@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")
@pytest.mark.parametrize("at", [0, 1, 5])
def test_a_browser_draws_the_tree_at_every_step(searched, tmp_path, at):
    page, events, _ = searched
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command = ["chromium", *options, "--dump-dom", f"file://{page}#{at}"]
    drawn = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout
    assert f"step {at} of {len(events)}" in drawn
    nodes = re.findall(r'<g class="node([^"]*)"', drawn)
    kept = {c.node for event in events[:at] for c in event.candidates if c.kept}
    finished = {c.node for event in events for c in event.candidates if c.finished and c.node == c.parent}
    dropped = [
        c for e in events[at - 1 : at] for c in e.candidates if not c.kept and c.parent not in finished
    ]
    assert sum("dropped" not in classes for classes in nodes) == 1 + len(kept)
    assert sum("dropped" in classes for classes in nodes) == min(len(dropped), MAX_DROPPED)
