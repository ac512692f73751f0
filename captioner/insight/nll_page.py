"""A web page of a text, each character coloured by its negative log-likelihood."""

import math
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from captioner.insight.pages import write_page

LEVELS = 10  # one a bit, the last for all above
LIMIT = 200_000  # characters shown: more would be slow in a browser
MAX_FIGURES = 12  # bits listed for a run of characters


def write_nll_page(path: Path, title: str, text: str, nats: NDArray[np.float64]) -> None:
    """Write the page. The stronger the colour, the less likely the character; point at a run for its bits.

    Args:
        path: the file.
        title: of the page.
        text: T characters.
        nats: (T,), -log p of each of them; NaN for one that is not predicted, which is shown in grey.

    Raises:
        ValueError: there are not as many numbers as characters.
    """
    if len(text) != len(nats):
        raise ValueError(f"{len(nats)} numbers do not fit {len(text)} characters")
    bits = nats / math.log(2)
    mean = float(np.nanmean(bits))
    summary = f"{len(text):,} characters, {mean:.3f} bits each; perplexity {2**mean:.3f}."
    if len(text) > LIMIT:
        summary += f" Shown are the first {LIMIT:,}."
    levels, runs = map(_level, range(LEVELS)), _runs(text[:LIMIT], bits[:LIMIT])
    write_page(path, "nll.html", title=title, summary=summary, levels=list(levels), runs=runs)


def _runs(text: str, bits: NDArray[np.float64]) -> Iterator[tuple[str, str, str]]:
    """Yield neighbours of one level together: their class of style, their bits and their characters."""
    levels = [-1 if math.isnan(b) else min(LEVELS - 1, int(b)) for b in bits.tolist()]
    for level, group in groupby(range(len(text)), key=levels.__getitem__):
        places = list(group)
        shown = text[places[0] : places[-1] + 1].replace("\n", "\u23ce\n")
        if level < 0:
            yield "n", "", shown
        else:
            yield f"b{level}", " ".join(f"{bits[place]:.1f}" for place in places[:MAX_FIGURES]), shown


def _level(level: int) -> dict[str, Any]:
    """Return the name and colours of a level: white to dark red, or on a dark page black to red."""
    share = level / (LEVELS - 1)
    red, other = round(255 - 95 * share**2), round(255 * (1 - share))
    return {
        "name": f"{level}+" if level == LEVELS - 1 else str(level),
        "light": f"rgb({red} {other} {other})",
        "dark": f"rgb({round(22 + 168 * share)} {round(23 + 17 * share)} {round(26 + 4 * share)})",
        "strong": share > 0.6,  # white text reads better
    }
