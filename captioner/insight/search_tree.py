"""A web page that plays a search step by step as a tree."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from captioner.insight.pages import jpeg_data_uri, write_page
from captioner.search.trace import Candidate, TraceEvent

MAX_EVENTS = 600
MAX_DROPPED = 30  # candidates of one selection that were not kept, the best of them
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
    """Write the page of one image's search: the first 600 selections, and of each the 30 best dropped words.

    Args:
        path: the file.
        title: of the page.
        events: the trace of the search.
        words: the vocabulary, by token.
        settings: options of the search, listed under the title.
        captions: the results, each with its log-probability and its score.
        image: the picture that was described; none for a text.
    """
    shown = events[:MAX_EVENTS]
    write_page(
        path,
        "search_tree.html",
        title=title,
        settings=settings,
        captions=[(caption, _figures(log_prob, score)) for caption, log_prob, score in captions],
        picture=jpeg_data_uri(image, PICTURE) if image else "",
        left_out=len(events) - len(shown),
        steps=[_step(event, words) for event in shown],
    )


def _step(event: TraceEvent, words: Sequence[str]) -> dict[str, Any]:
    """Return a selection: all candidates that were kept, then the best of the others."""
    kept = [candidate for candidate in event.candidates if candidate.kept]
    dropped = sorted((c for c in event.candidates if not c.kept), key=lambda c: -c.score)
    rows = [_row(candidate, words) for candidate in kept + dropped[:MAX_DROPPED]]
    return {"time": event.time, "group": event.group, "candidates": rows}


def _row(candidate: Candidate, words: Sequence[str]) -> list[Any]:
    figures = (candidate.log_prob, candidate.total, candidate.penalty, candidate.score)
    return [
        candidate.parent,
        candidate.node,
        words[candidate.token],
        *(round(float(figure), 5) for figure in figures),
        int(candidate.finished),
    ]


def _figures(log_prob: float, score: float) -> str:
    differs = abs(score - log_prob) > 5e-3
    return f"log p {log_prob:.2f}" + (f", score {score:.2f}" if differs else "")
