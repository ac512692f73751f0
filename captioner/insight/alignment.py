"""Draw the alignment of a translation: attention weights as a matrix.      T target, L source symbols."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL = 0.22  # inches for a symbol


def draw_alignment(source: Sequence[str], target: Sequence[str], alphas_TL: npt.ArrayLike) -> "Figure":
    """Draw the weights in grey, from black for 0 to white for 1.

    Args:
        source: L symbols, from left to right.
        target: T generated symbols, from top to bottom.
        alphas_TL: a row of attention weights, which sum to 1, for each target symbol.

    Returns:
        The figure.

    Raises:
        ValueError: the shapes do not fit.

    Source:
        Bahdanau, Cho and Bengio (2015), figure 3.
    """
    weights = np.asarray(alphas_TL, dtype=float)
    if weights.shape != (len(target), len(source)):
        raise ValueError(f"{len(target)} x {len(source)} symbols do not fit weights of {weights.shape}")
    from matplotlib.figure import Figure

    longest = max(map(len, (*source, *target)))
    margin = CELL * (2 + 0.5 * longest)
    figure = Figure((CELL * len(source) + margin, CELL * len(target) + margin), layout="tight")
    axes = figure.add_subplot()
    axes.imshow(weights, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set_xticks(range(len(source)), list(map(_visible, source)), rotation=90 if longest > 1 else 0)
    axes.set_yticks(range(len(target)), list(map(_visible, target)))
    return figure


def _visible(symbol: str) -> str:
    return "\u2423" if symbol == " " else symbol
