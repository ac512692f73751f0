"""The lecture's picture of gradients through time, from measured numbers."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captioner.insight.gradient_flow import Flow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito (2008): told apart by colour-blind readers too."""
MARKERS = "os^Dv*P"
LEAST = 1e-12  # what is shown of a gradient that has vanished


def draw_gradient_flow(file: Path, flows: Mapping[str, Flow], clip: float, about: str) -> None:
    """Write the picture: gradients by distance, singular values, and updates with what clipping leaves."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Any = figure.subplots(1, 3, width_ratios=[1.5, 1, 1])
    for number, (name, flow) in enumerate(flows.items()):
        style = {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]}
        _reach(axes[0], name, flow, style)
        _values(axes[1], name, flow, style)
        axes[2].plot(flow.lengths, flow.update_norms, label=name, markersize=4, **style)
    _say(
        axes[0], "How much of the loss is felt k characters back", "k, characters back", "norm of dL/ds(t-k)"
    )
    _say(axes[1], "Singular values of the recurrent matrices", "rank, from the largest", "singular value")
    axes[1].axhline(1, color="grey", linewidth=1, linestyle=":")
    _say(axes[2], "Gradient of all weights", "characters read", "norm")
    axes[2].axhline(clip, color="grey", linestyle=":", label=f"clipped to {clip:g}")
    for axis in axes:
        axis.legend(fontsize=8)
    axes[0].set_yscale("log")
    axes[2].set(xscale="log", yscale="log")
    figure.suptitle(about, fontsize=10)
    figure.savefig(file, dpi=120)


def _reach(axis: "Axes", name: str, flow: Flow, style: dict[str, Any]) -> None:
    for line, (state, norms) in zip(("-", "--"), flow.gradient_norms.items(), strict=False):
        label = name if len(flow.gradient_norms) == 1 else f"{name}: {state}"
        shown = [max(norm, LEAST) for norm in norms]
        axis.plot(range(len(shown)), shown, line, label=label, markevery=10, markersize=4, **style)


def _values(axis: "Axes", name: str, flow: Flow, style: dict[str, Any]) -> None:
    for number, (gate, values) in enumerate(flow.singular_values.items()):
        alpha = 1 - 0.75 * number / len(flow.singular_values)
        label = f"{name}: {gate}" if len(flow.singular_values) <= 6 else (name if number == 0 else None)
        axis.plot(
            range(1, len(values) + 1), values, label=label, alpha=alpha, markevery=16, markersize=4, **style
        )


def _say(axis: "Axes", title: str, x: str, y: str) -> None:
    axis.set_title(title, fontsize=11)
    axis.set_xlabel(x)
    axis.set_ylabel(y)
    axis.grid(alpha=0.25)
