"""The page of a search: it holds what was chosen and what was dropped, and needs nothing else."""

import html
import json
import re
import shutil
import subprocess

import pytest
import torch
from html_page import read_page
from PIL import Image

from captioner.decoders.base import DECODERS
from captioner.insight.search_tree import DROPPED, MAX_STEPS, write_search_tree
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
    captions = [
        {
            **{"words": [WORDS[t] for t in h.tokens], "log_prob": h.log_prob, "score": h.score},
            **{"text": " ".join(WORDS[t] for t in h.tokens), "group": h.group, "finished": h.finished},
            "attention": None,
        }
        for h in found
    ]
    page = tmp_path / "trees/tree.html"
    settings = {"name": "diverse", "required_words": ["<b>"]}
    image = Image.new("RGB", (300, 200), "red")
    write_search_tree(page, "a & b.png", trace.events, WORDS, settings, captions, image)
    return page, trace.events, captions


def shown_on(page) -> dict:
    return json.loads(read_page(page).texts("script")[0])["data"]


def test_every_choice_is_in_the_page(searched):
    page, events, _ = searched
    groups = [(step["time"], group) for step in shown_on(page)["steps"] for group in step["groups"]]
    assert [(time, group["group"]) for time, group in groups] == [(e.time, e.group) for e in events]
    assert {group["group"] for _, group in groups} == {0, 1}
    for (_, group), event in zip(groups, events, strict=True):
        for row in group["candidates"]:
            (match,) = [c for c in event.candidates if [c.parent, c.node, c.token] == row[:3]]
            figures = [match.log_prob, match.total, match.penalty, match.score]
            assert row[4:8] == pytest.approx(figures, abs=1e-5)
            assert [row[3], *row[8:]] == [WORDS[match.token], match.finished, match.beam]
        assert [r[1] for r in group["candidates"] if r[1] is not None] == [
            c.node for c in event.candidates if c.kept
        ]


def test_settings_and_results_are_in_the_page(searched):
    page, _, captions = searched
    shown = shown_on(page)
    assert shown["settings"] == {"name": "diverse", "required_words": ["<b>"]}
    assert shown["captions"] == captions
    assert read_page(page).texts("title") == ["a & b.png"]


def test_of_long_searches_the_first_steps_and_the_best_candidates_are_shown(tmp_path):
    kept = Candidate(0, 1, 4, -9.0, -9.0, 0.0, -9.0, False)
    rest = [Candidate(0, None, 5, -float(n), -float(n), 0.0, -float(n), False) for n in range(50)]
    events = [TraceEvent(0, time, 0, [*rest, kept]) for time in range(1, 703)]
    write_search_tree(tmp_path / "tree.html", "long", events, WORDS, {}, [])
    shown = shown_on(tmp_path / "tree.html")
    assert (len(shown["steps"]), shown["left_out"]) == (MAX_STEPS, 102)
    (group,) = shown["steps"][0]["groups"]
    assert [row[4] for row in group["candidates"] if row[1] is None] == [-float(n) for n in range(DROPPED)]


@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")
def test_a_browser_draws_the_tree(searched, tmp_path):
    page, events, captions = searched
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command = ["chromium", *options, "--virtual-time-budget=4000", "--dump-dom", f"file://{page}"]
    drawn = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout
    last = events[-1].time
    assert f"word {last} of {last}" in drawn
    nodes = re.findall(r'<g class="node((?: [^"]*)?)"', drawn)
    kept = {c.node for event in events for c in event.candidates if c.kept}
    assert sum("dropped" not in classes for classes in nodes) == 1 + len(kept)
    for one in captions:
        assert f'<span class="sentence">{html.escape(one["text"], quote=False)}' in drawn
