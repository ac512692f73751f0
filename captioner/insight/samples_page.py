"""A web page of captioned pictures to look through: one file, which needs no network."""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image

THUMBNAIL = 224  # pixels, of the longer side
QUALITY = 80  # of the JPEG in the page
PAGE_SAMPLES = 200

_DIRECTIONS = (("+", "worst first"), ("-", "best first"))
_HINT = '<p class="hint">Point at a word, or tab to it, to see where the model looked.</p>'


@dataclass(frozen=True)
class PageSample:
    """A picture and what was said of it.

    `words` and `alphas` (a row of weights per word, over the rows and columns of `grid`) are shown for a
    captioner that has_attention; `alphas` is None for one that does not. Higher `scores` are better.
    """

    image_id: int
    image: Image.Image
    caption: str
    words: Sequence[str] = ()
    alphas: Sequence[Sequence[float]] | None = None
    grid: tuple[int, int] = (1, 1)
    references: Sequence[str] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    note: str | None = None


def write_samples_page(
    path: Path, title: str, scores: Mapping[str, float], samples: Sequence[PageSample]
) -> None:
    """Write the page: the table of `scores`, then a card per sample, worst first by its first score.

    The pictures are inside the file, about 25 kB a card: give it hundreds, not thousands.

    Raises:
        ValueError: the attention weights of a sample fit neither its words nor its grid.
    """
    names = list(dict.fromkeys(name for sample in samples for name in sample.scores))
    orders = [(f"{sign}1{name}", f"{name}, {which}") for name in names for sign, which in _DIRECTIONS]
    parts = {
        "title": escape(title),
        "scores": "".join(_score_row(name, value) for name, value in scores.items()),
        "orders": "".join(_option(*order) for order in [*orders, ("+1", "as given")]),
        "hint": _HINT if any(sample.alphas is not None for sample in samples) else "",
        "cards": "\n".join(map(_card, samples)),
    }
    page = files("captioner.insight").joinpath("samples_page.html").read_text(encoding="utf-8")
    for name, part in parts.items():
        page = page.replace(f"<!--{name}-->", part)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def shown_on_page(ranking: Mapping[int, float]) -> list[int]:
    """The samples to show, by their scores, in their order: all, or the worst and as many of the others."""
    if len(ranking) <= PAGE_SAMPLES:
        return list(ranking)
    half = PAGE_SAMPLES // 2
    ranked = sorted(ranking, key=lambda sample: ranking[sample])
    rest = ranked[half:]
    spread = {rest[len(rest) * (place + 1) // half - 1] for place in range(half)}
    chosen = spread.union(ranked[:half])
    return [sample for sample in ranking if sample in chosen]


def page_note(ranking: Mapping[int, float], score: str) -> str:
    """What a title says of samples of which not all are shown."""
    if len(ranking) <= PAGE_SAMPLES:
        return ""
    half = PAGE_SAMPLES // 2
    return f"; here the {half} worst by {score}, and {half} spread over the others"


def _score_row(name: str, value: float) -> str:
    return f"<tr><th>{escape(name)}</th><td>{value:.3f}</td></tr>"


def _option(value: str, text: str) -> str:
    return f'<option value="{escape(value)}">{escape(text)}</option>'


def _card(sample: PageSample) -> str:
    scores = {name: round(float(value), 6) for name, value in sample.scores.items()}
    rows, columns = sample.grid
    references = "".join(f"<li>{escape(reference)}</li>" for reference in sample.references)
    listed = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{value:.3f}</dd></div>" for name, value in scores.items()
    )
    note = f'<p class="note">{escape(sample.note)}</p>' if sample.note else ""
    return (
        f'<article class="card" data-grid="{rows} {columns}" data-scores="{escape(json.dumps(scores))}">'
        f'<div class="picture"><img alt="{escape(sample.caption)}" src="{_data_uri(sample.image)}"></div>'
        f'<div class="text"><p class="caption">{_caption(sample)}</p>{note}'
        f'<ul class="references">{references}</ul>'
        f'<dl class="scores">{listed}<div class="id"><dt>image</dt><dd>{sample.image_id}</dd></div></dl>'
        "</div></article>"
    )


def _caption(sample: PageSample) -> str:
    if sample.alphas is None:
        return escape(sample.caption)
    if np.shape(sample.alphas) != (len(sample.words), sample.grid[0] * sample.grid[1]):
        raise ValueError(
            f"image {sample.image_id}: {len(sample.words)} words and a grid of {sample.grid} do not fit "
            f"attention weights of {np.shape(sample.alphas)}"
        )
    return " ".join(
        f'<span class="word" tabindex="0" data-alphas="{_opacity(weights)}">{escape(word)}</span>'
        for word, weights in zip(sample.words, sample.alphas, strict=True)
    )


def _opacity(weights: Sequence[float]) -> str:
    """Attention weights as bytes, the largest 255, in base 64."""
    values = np.asarray(weights, dtype=float)
    return base64.b64encode((255 * values / values.max()).round().astype(np.uint8).tobytes()).decode()


def _data_uri(image: Image.Image) -> str:
    small = image.convert("RGB")
    small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
