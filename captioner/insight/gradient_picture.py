"""Draw the gradient flow of cells: gradient norms, singular values, and norms of updates."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captioner.insight.gradient_flow import GradientFlow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito (2008): colour-blind readers can distinguish them too."""
MARKERS = "os^Dv*P"
LEAST = 1e-12  # at which a gradient that has vanished is drawn
MAX_LABELLED = 6  # recurrent matrices of a cell that are named one by one


def draw_gradient_flow(file: Path, flows: Mapping[str, GradientFlow], clip: float, subtitle: str) -> None:
    """Draw the measurements of all cells into one picture.

    Args:
        file: the PNG file.
        flows: the measurements by the name of the cell.
        clip: the norm that clipping leaves of an update, drawn as a line.
        subtitle: how it was measured.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Any = figure.subplots(1, 3, width_ratios=[1.5, 1, 1])
    for number, (name, flow) in enumerate(flows.items()):
        style = {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]}
        _plot_gradient_norms(axes[0], name, flow, style)
        _plot_singular_values(axes[1], name, flow, style)
        axes[2].plot(flow.lengths, flow.update_norms, label=name, markersize=4, **style)
    _label(axes[0], "Gradient of the loss, k characters back", "k, characters back", "norm of dL/ds(t-k)")
    _label(axes[1], "Singular values of the recurrent matrices", "rank, from the largest", "singular value")
    axes[1].axhline(1, color="grey", linewidth=1, linestyle=":")
    _label(axes[2], "Gradient of all weights", "characters read", "norm")
    axes[2].axhline(clip, color="grey", linestyle=":", label=f"clipped to {clip:g}")
    for axis in axes:
        axis.legend(fontsize=8)
    axes[0].set_yscale("log")
    axes[2].set(xscale="log", yscale="log")
    figure.suptitle(subtitle, fontsize=10)
    figure.savefig(file, dpi=120)


def _plot_gradient_norms(axis: "Axes", name: str, flow: GradientFlow, style: dict[str, Any]) -> None:
    for line, (state, norms) in zip(("-", "--"), flow.gradient_norms.items(), strict=False):
        label = name if len(flow.gradient_norms) == 1 else f"{name}: {state}"
        drawn = [max(norm, LEAST) for norm in norms]
        axis.plot(range(len(drawn)), drawn, line, label=label, markevery=10, markersize=4, **style)


def _plot_singular_values(axis: "Axes", name: str, flow: GradientFlow, style: dict[str, Any]) -> None:
    num_matrices = len(flow.singular_values)
    for number, (gate, values) in enumerate(flow.singular_values.items()):
        alpha = 1 - 0.75 * number / num_matrices
        label = f"{name}: {gate}" if num_matrices <= MAX_LABELLED else (name if number == 0 else None)
        ranks = range(1, len(values) + 1)
        axis.plot(ranks, values, label=label, alpha=alpha, markevery=16, markersize=4, **style)


def _label(axis: "Axes", title: str, x: str, y: str) -> None:
    axis.set_title(title, fontsize=11)
    axis.set_xlabel(x)
    axis.set_ylabel(y)
    axis.grid(alpha=0.25)
