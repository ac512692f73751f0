"""Draw how often captions are good by how sure the captioner was."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def draw_reliability(bins: Sequence[tuple[float, float, int]], file: Path, cider_d: float) -> None:
    """Draw the share of good captions by confidence, with standard errors, beside the diagonal.

    Args:
        bins: mean confidence, share that is good, and number of captions, of captions of similar confidence.
        file: the picture.
        cider_d: the score that a good caption has at least.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axis: Any = figure.subplots()
    sure, good, counts = zip(*bins, strict=True)
    errors = [(share * (1 - share) / count) ** 0.5 for share, count in zip(good, counts, strict=True)]
    axis.plot([0, 1], [0, 1], color="grey", linestyle=":", label="as sure as right")
    axis.errorbar(sure, good, errors, marker="o", capsize=3, color="#0072b2", label="held-out captions")
    axis.set(
        xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel=f"share with CIDEr-D of {cider_d:g} or more"
    )
    axis.legend()
    figure.savefig(file, dpi=110)
