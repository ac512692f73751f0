"""Write a search as a tree that can be played step by step."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from PIL import Image

from captioner.insight.saved_page import write_saved_page
from captioner.search.trace import Candidate, TraceEvent

MAX_STEPS = 600
DROPPED = 30
"""Candidates of a choice that are shown beside those that were kept: the best of the others."""
DIGITS = 5


def search_steps(events: Sequence[TraceEvent], words: Sequence[str]) -> list[dict[str, Any]]:
    """Return the steps of one image's search as JSON holds them.

    Args:
        events: the trace of the search, in order of time.
        words: the vocabulary, by token.

    Returns:
        For each word `time`, and `groups` with their `candidates`: all that were kept, then the best 30 of
        the others, each as parent, node, token, word, log-probability, total, penalty, score, whether it
        is finished, and beam (see `Candidate`).
    """
    return [
        {"time": time, "groups": [_group(event, words) for event in choices]}
        for time, choices in groupby(events, key=lambda event: event.time)
    ]


def write_search_tree(
    path: Path,
    title: str,
    events: Sequence[TraceEvent],
    words: Sequence[str],
    settings: Mapping[str, Any],
    captions: Sequence[Mapping[str, Any]],
    image: Image.Image | None = None,
    grid: tuple[int, int] | None = None,
) -> None:
    """Write the page of one image's search: its first 600 steps.

    Args:
        path: the file.
        title: of the page.
        events: the trace of the search.
        words: the vocabulary, by token.
        settings: options of the search, which are listed.
        captions: the results as JSON holds them: text, words, log_prob, score, finished, group, attention.
        image: the encoder's view of the picture that was described; none for a text.
        grid: rows and columns of the locations of attention.
    """
    steps = search_steps(events, words)
    shown = {
        "title": title,
        "steps": steps[:MAX_STEPS],
        "left_out": max(0, len(steps) - MAX_STEPS),
        "groups": 1 + max((event.group for event in events), default=0),
        "captions": captions,
        "settings": settings,
        "grid": grid,
    }
    write_saved_page(path, title, "search", shown, image)


def _group(event: TraceEvent, words: Sequence[str]) -> dict[str, Any]:
    """Return a choice: all candidates that were kept, then the best of the others."""
    kept = [one for one in event.candidates if one.kept]
    dropped = sorted((one for one in event.candidates if not one.kept), key=lambda one: -one.score)
    return {"group": event.group, "candidates": [_row(one, words) for one in kept + dropped[:DROPPED]]}


def _row(one: Candidate, words: Sequence[str]) -> list[Any]:
    figures = (one.log_prob, one.total, one.penalty, one.score)
    rounded = [round(float(figure), DIGITS) for figure in figures]
    return [one.parent, one.node, one.token, words[one.token], *rounded, one.finished, one.beam]
