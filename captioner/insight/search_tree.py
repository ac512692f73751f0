"""A web page that plays a search step by step as a tree: one file, which needs no network."""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from PIL import Image

from captioner.search.trace import Candidate, TraceEvent

MAX_EVENTS = 600
MAX_DROPPED = 30  # candidates of one choice that were not kept, the best of them
PICTURE = 240  # pixels, of the longer side


def write_search_tree(
    path: Path,
    title: str,
    events: Sequence[TraceEvent],
    words: Sequence[str],
    settings: Mapping[str, Any],
    captions: Sequence[tuple[str, float, float]],
    image: Image.Image | None = None,
) -> None:
    """Write the page of one image's search: `events`, the vocabulary's `words`, the `settings` of the search.

    `captions` are its answers, each with its log-probability and its score. The first 600 choices are shown,
    and of what a choice dropped the 30 best.
    """
    steps = [
        {
            "time": event.time,
            "group": event.group,
            "candidates": [_row(candidate, words) for candidate in _shown(event)],
        }
        for event in events[:MAX_EVENTS]
    ]
    left_out = len(events) - len(steps)
    parts = {
        "title": escape(title),
        "settings": "".join(_setting(name, value) for name, value in settings.items()),
        "captions": "".join(_caption(*caption) for caption in captions),
        "picture": f'<img alt="" src="{_data_uri(image)}">' if image else "",
        "note": f"<p class=note>{left_out} later choices are not shown.</p>" if left_out else "",
        "steps": json.dumps(steps, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
    }
    page = files("captioner.insight").joinpath("search_tree.html").read_text(encoding="utf-8")
    for name, part in parts.items():
        page = page.replace(f"<!--{name}-->", part)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _shown(event: TraceEvent) -> list[Candidate]:
    """All that was kept, and the best of the rest."""
    dropped = sorted((c for c in event.candidates if not c.kept), key=lambda c: -c.score)
    return [c for c in event.candidates if c.kept] + dropped[:MAX_DROPPED]


def _row(candidate: Candidate, words: Sequence[str]) -> list[Any]:
    figures = (candidate.log_prob, candidate.total, candidate.penalty, candidate.score)
    return [
        candidate.parent,
        candidate.node,
        words[candidate.token],
        *(round(float(figure), 5) for figure in figures),
        int(candidate.finished),
    ]


def _setting(name: str, value: Any) -> str:
    return f"<div><dt>{escape(str(name))}</dt><dd>{escape(str(value))}</dd></div>"


def _caption(text: str, log_prob: float, score: float) -> str:
    figures = f"log p {log_prob:.2f}"
    figures += f", score {score:.2f}" if abs(score - log_prob) > 5e-3 else ""
    return f"<li>{escape(text)} <small>{figures}</small></li>"


def _data_uri(image: Image.Image) -> str:
    small = image.convert("RGB")
    small.thumbnail((PICTURE, PICTURE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
