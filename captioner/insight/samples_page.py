"""A web page of captioned pictures, with scores and attention maps."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from captioner.insight.pages import jpeg_data_uri, write_page

THUMBNAIL = 224  # pixels, of the longer side
PAGE_SAMPLES = 200

_ORDERS = (("+", "worst first"), ("-", "best first"))


@dataclass(frozen=True)
class PageSample:
    """A picture with its generated caption or answer.

    Args:
        image_id: shown beside the scores.
        image: the picture, as the encoder views it where there is attention.
        caption: the generated text.
        words: the T words of the caption, needed with `alphas`.
        alphas: (T, L) attention weights, a row for each word; None for a model without attention.
        grid: rows and columns of the locations, L = rows * columns.
        references: the texts of people.
        scores: by name; higher is better.
        note: a remark on this sample.
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
    """Write the page: a table of scores, then a card for each sample, worst first by its first score.

    Args:
        path: the file.
        title: of the page.
        scores: of the whole split, by name.
        samples: a card is about 25 kB, since its picture is inside the file: give hundreds, not thousands.

    Raises:
        ValueError: the attention weights of a sample fit neither its words nor its grid.
    """
    names = list(dict.fromkeys(name for sample in samples for name in sample.scores))
    orders = [(f"{sign}1{name}", f"{name}, {order}") for name in names for sign, order in _ORDERS]
    write_page(
        path,
        "samples.html",
        title=title,
        scores=scores,
        orders=[*orders, ("+1", "as given")],
        has_attention=any(sample.alphas is not None for sample in samples),
        cards=map(_card, samples),
    )


def shown_on_page(ranking: Mapping[int, float]) -> list[int]:
    """Choose the samples of a page: all if there are few, else the worst and as many spread over the others.

    Args:
        ranking: the score of each sample by its id.

    Returns:
        ids, in the order of `ranking`.
    """
    if len(ranking) <= PAGE_SAMPLES:
        return list(ranking)
    half = PAGE_SAMPLES // 2
    ranked = sorted(ranking, key=lambda sample: ranking[sample])
    rest = ranked[half:]
    spread = {rest[len(rest) * (place + 1) // half - 1] for place in range(half)}
    chosen = spread.union(ranked[:half])
    return [sample for sample in ranking if sample in chosen]


def page_note(ranking: Mapping[int, float], score: str) -> str:
    """Return the end of a title that says which samples are shown; empty if all are."""
    if len(ranking) <= PAGE_SAMPLES:
        return ""
    half = PAGE_SAMPLES // 2
    return f"; here the {half} worst by {score}, and {half} spread over the others"


def _card(sample: PageSample) -> dict[str, Any]:
    """Return the variables of a card in `samples.html`."""
    return {
        "image_id": sample.image_id,
        "picture": jpeg_data_uri(sample.image, THUMBNAIL),
        "caption": sample.caption,
        "words": _attended_words(sample),
        "grid": sample.grid,
        "references": sample.references,
        "scores": {name: round(float(value), 6) for name, value in sample.scores.items()},
        "note": sample.note,
    }


def _attended_words(sample: PageSample) -> list[tuple[str, str]]:
    """Return each word with its attention map, or nothing for a model without attention."""
    if sample.alphas is None:
        return []
    if np.shape(sample.alphas) != (len(sample.words), sample.grid[0] * sample.grid[1]):
        raise ValueError(
            f"image {sample.image_id}: {len(sample.words)} words and a grid of {sample.grid} do not fit "
            f"attention weights of {np.shape(sample.alphas)}"
        )
    return [(word, _opacity(alphas)) for word, alphas in zip(sample.words, sample.alphas, strict=True)]


def _opacity(alphas: Sequence[float]) -> str:
    """Return attention weights as bytes, the largest 255, in base 64."""
    values = np.asarray(alphas, dtype=float)
    return base64.b64encode((255 * values / values.max()).round().astype(np.uint8).tobytes()).decode()
