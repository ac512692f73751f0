"""Statistics of gates: saturation, half-life of the memory, dead units.      T characters, H hidden."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from captioner.cells.recurrence.base import Recurrence
from captioner.insight.interpretable_cells.recording import Recording
from captioner.insight.interpretable_cells.signals import Signal

Array = NDArray[np.float64]

LEFT, RIGHT = 0.1, 0.9
"""A gate is left-saturated below the one, right-saturated above the other."""
ALIVE = 0.01
"""The standard deviation of a unit's output h below which the unit is dead."""
LEAST_KEPT = 1e-4  # half precision knows no smaller share of a gate that matters


class GateStatistics(NamedTuple):
    """How the gates of a model behave on a text.

    Args:
        left: for each gate from 0 to 1, the share of time that it is left-saturated, (H,).
        right: likewise right-saturated.
        half_lives: for each layer with a forget gate, the characters after which half of a unit's memory is
            left, (H,).
        dead: for each layer, the units whose output hardly changes.
    """

    left: dict[Signal, Array]
    right: dict[Signal, Array]
    half_lives: dict[int, Array]
    dead: dict[int, list[int]]

    def as_json(self) -> dict[str, Any]:
        """Return the statistics for a file."""
        gates = {
            str(gate): {
                "left": self.left[gate].round(4).tolist(),
                "right": self.right[gate].round(4).tolist(),
            }
            for gate in self.left
        }
        lives = {layer: one.round(2).tolist() for layer, one in self.half_lives.items()}
        return {"gates": gates, "half_lives": lives, "dead": self.dead}


def gate_statistics(recording: Recording, layers: list[Recurrence]) -> GateStatistics:
    """Compute the statistics from a recording.

    Args:
        recording: of a text.
        layers: of the cell that was recorded, the first one first.

    Returns:
        The statistics. Values that leave the interval from 0 to 1, as candidates do, are of no gate.

    Source:
        Karpathy, Johnson and Fei-Fei (2016), "Visualizing and understanding recurrent networks", sec. 4.2.
    """
    K = recording.values_TK.shape[1]
    left, right, total, squares, log_kept = (np.zeros(K) for _ in range(5))
    low, high = np.full(K, np.inf), np.full(K, -np.inf)
    keeps = _kept_gates(recording, layers)
    for block in recording.blocks():
        values = recording.values_TK[block].astype(np.float32)
        left += (values < LEFT).sum(axis=0)
        right += (values > RIGHT).sum(axis=0)
        total += values.sum(axis=0, dtype=np.float64)
        squares += np.einsum("tk,tk->k", values, values)
        low, high = np.minimum(low, values.min(axis=0)), np.maximum(high, values.max(axis=0))
        for columns, sign in keeps.values():
            kept = values[:, columns] if sign > 0 else 1 - values[:, columns]
            log_kept[columns] += np.log(kept.clip(LEAST_KEPT, 1)).sum(axis=0)
    T = len(recording.nats_T)
    spread = np.sqrt(np.maximum(squares / T - (total / T) ** 2, 0))
    found = GateStatistics({}, {}, {}, {})
    for signal in recording.signals:
        columns = _columns(recording, signal)
        if signal.kind == "h":
            found.dead[signal.layer] = np.flatnonzero(spread[columns] < ALIVE).tolist()
        elif (
            signal != recording.memory_signal(signal.layer)
            and low[columns].min() >= 0
            and high[columns].max() <= 1
        ):
            found.left[signal], found.right[signal] = left[columns] / T, right[columns] / T
    for layer, (columns, _) in keeps.items():
        found.half_lives[layer] = np.log(0.5) / np.minimum(log_kept[columns] / T, -1e-6)
    return found


def draw_saturation(file: Path, statistics: GateStatistics, title: str) -> None:
    """Draw, for each gate, how often each unit is right-saturated against left-saturated.

    Args:
        file: the PNG file.
        statistics: of the gates.
        title: of the picture.

    Source:
        Karpathy, Johnson and Fei-Fei (2016), figure 3.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    count = max(1, len(statistics.left))
    figure = Figure(figsize=(3.2 * count, 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Any = np.atleast_1d(figure.subplots(1, count, sharex=True, sharey=True))
    for axis, gate in zip(axes, statistics.left, strict=False):
        axis.plot([0, 1], [1, 0], color="grey", linewidth=1, linestyle=":")
        axis.scatter(
            statistics.right[gate], statistics.left[gate], s=14, alpha=0.6, color="#0072b2", linewidths=0
        )
        axis.set(title=f"gate {gate.kind}, layer {gate.layer}", xlabel=f"share of time above {RIGHT}")
        axis.set_box_aspect(1)
    axes[0].set_ylabel(f"share of time below {LEFT}")
    figure.suptitle(title, fontsize=10)
    figure.savefig(file, dpi=120)


def _columns(recording: Recording, signal: Signal) -> slice:
    first = recording.column(signal, 0)
    return slice(first, first + recording.hidden_dim)


def _kept_gates(recording: Recording, layers: list[Recurrence]) -> dict[int, tuple[slice, float]]:
    """For each layer with a forget gate: its columns, and the sign that makes it keep."""
    found = {}
    for number, layer in enumerate(layers, 1):
        if layer.forget_gate is not None:
            gate, sign = layer.forget_gate
            found[number] = (_columns(recording, Signal(number, gate)), sign)
    return found
