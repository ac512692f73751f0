"""Which symbols of a source a translator looked at for each symbol it wrote.      T written, L read."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL = 0.22  # inches a symbol


def draw_alignment(source: Sequence[str], written: Sequence[str], alphas_TL: npt.ArrayLike) -> "Figure":
    """The weights in grey, white where all of the attention was: the figure 3 of Bahdanau et al. (2015).

    Args:
        source: L symbols, from left to right.
        written: T symbols, from top to bottom.
        alphas_TL: a row of weights, of the sum 1, for each symbol written.

    Raises:
        ValueError: the shapes do not fit.
    """
    weights = np.asarray(alphas_TL, dtype=float)
    if weights.shape != (len(written), len(source)):
        raise ValueError(f"{len(written)} x {len(source)} symbols do not fit weights of {weights.shape}")
    from matplotlib.figure import Figure

    longest = max(map(len, (*source, *written)))
    margin = CELL * (2 + 0.5 * longest)
    figure = Figure((CELL * len(source) + margin, CELL * len(written) + margin), layout="tight")
    axes = figure.add_subplot()
    axes.imshow(weights, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set_xticks(range(len(source)), list(map(_visible, source)), rotation=90 if longest > 1 else 0)
    axes.set_yticks(range(len(written)), list(map(_visible, written)))
    return figure


def _visible(symbol: str) -> str:
    return "\u2423" if symbol == " " else symbol
