"""A web page of a text in which every character is coloured by how surprising it is: one file, no network."""

import math
from html import escape
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LEVELS = 10  # one a bit of nll, the last for all above
LIMIT = 200_000  # characters shown: more would be slow in a browser

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em;
  color: #111; background: #fff }}
pre {{ font: 14px/1.6 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere }}
{levels}
</style>
<h1>{title}</h1>
<p>{summary}</p>
<p>Bits of nll: {legend}</p>
<pre>{text}</pre>
</html>
"""


def write_nll_page(path: Path, title: str, text: str, nats: NDArray[np.float64]) -> None:
    """Write the page. Darker is more surprising; NaN (not predicted) is grey. Point at a run for its bits.

    Args:
        path: the file.
        title: of the page.
        text: its characters.
        nats: -log p of each of them.

    Raises:
        ValueError: as many numbers as characters are needed.
    """
    if len(text) != len(nats):
        raise ValueError(f"{len(nats)} numbers do not fit {len(text)} characters")
    bits = nats / math.log(2)
    mean = float(np.nanmean(bits))
    summary = f"{len(text):,} characters, {mean:.3f} bits each; perplexity {2**mean:.3f}."
    if len(text) > LIMIT:
        summary += f" Shown are the first {LIMIT:,}."
    page = _PAGE.format(
        title=escape(title),
        levels="\n".join(_style(level) for level in range(LEVELS)) + "\n.n { background: #ddd }",
        summary=summary,
        legend=" ".join(f'<span class="b{level}"> {_name(level)} </span>' for level in range(LEVELS)),
        text="".join(_runs(text[:LIMIT], bits[:LIMIT])),
    )
    path.write_text(page, encoding="utf-8")


def _runs(text: str, bits: NDArray[np.float64]) -> list[str]:
    """Neighbours of one level share a span."""
    levels = [-1 if math.isnan(b) else min(LEVELS - 1, int(b)) for b in bits.tolist()]
    spans = []
    for level, group in groupby(range(len(text)), key=levels.__getitem__):
        places = list(group)
        shown = escape(text[places[0] : places[-1] + 1]).replace("\n", "\u23ce\n")
        kind = "n" if level < 0 else f"b{level}"
        said = "" if level < 0 else " ".join(f"{bits[place]:.1f}" for place in places[:12])
        spans.append(f'<span class="{kind}" title="{said}">{shown}</span>')
    return spans


def _style(level: int) -> str:
    """White to dark red; text turns white where that reads better."""
    share = level / (LEVELS - 1)
    red, other = round(255 - 95 * share**2), round(255 * (1 - share))
    ink = "; color: #fff" if share > 0.6 else ""
    return f".b{level} {{ background: rgb({red} {other} {other}){ink} }}"


def _name(level: int) -> str:
    return f"{level}+" if level == LEVELS - 1 else str(level)
