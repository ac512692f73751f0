"""Write the page of a model's cells: one file, no network.      T characters, U units, P guesses."""

import base64
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from captioner.insight.interpretable_cells.evidence import Evidence
from captioner.insight.interpretable_cells.results import CellsAnalysis
from captioner.insight.interpretable_cells.signals import Signal
from captioner.insight.pages import write_page

LEVELS = 16
"""Of a memory's value, two in a byte: 0 is the least of a unit, 15 the greatest, or -1 and 1 for tanh(c)."""


def write_cells_page(file: Path, analysis: CellsAnalysis, title: str, length: int) -> None:
    """Write the page.

    Args:
        file: the HTML file.
        analysis: what is shown.
        title: of the page.
        length: characters shown, from where the second half of the text begins; more make a larger file.
    """
    half = len(analysis.numbers) // 2
    here = slice(half, min(len(analysis.numbers), half + length))
    recording = analysis.recording
    layers = sorted({signal.layer for signal in recording.signals})
    memories = [recording.memory_signal(layer) for layer in layers]
    data = {
        "text": analysis.text.characters[here],
        "hidden": recording.hidden_dim,
        "layers": [
            {"kind": signal.kind, "name": str(signal), "levels": _packed(_levels(analysis, signal, here))}
            for signal in memories
        ],
        "symbols": [_visible(word) for word in analysis.model.vocabulary.words],
        "guesses": _packed(recording.guesses_TP[here].astype(np.uint16)),
        "chances": _packed((recording.chances_TP[here].astype(np.float32) * 255).round().astype(np.uint8)),
        "nats": _packed(np.nan_to_num(recording.nats_T[here] * 20).clip(0, 255).astype(np.uint8)),
        "labels": [_label(analysis, one, here) for one in analysis.evidence],
        "gates": analysis.gates.as_json(),
    }
    write_page(file, "cells.html", title=title, data=data, absent=", ".join(analysis.absent))


def _levels(analysis: CellsAnalysis, signal: Signal, here: slice) -> NDArray[np.uint8]:
    """Two units' levels in a byte, unit by unit: (U, T) numbers of 4 bits."""
    recording = analysis.recording
    first = recording.column(signal, 0)
    values_TU = recording.values_TK[here, first : first + recording.hidden_dim].astype(np.float32)
    bound_U = np.maximum(np.abs(values_TU).max(axis=0), 1e-6)
    bound_U = np.where(bound_U <= 1, 1, bound_U)
    levels_UT = ((values_TU / bound_U + 1) / 2 * (LEVELS - 1)).round().astype(np.uint8).T
    flat = levels_UT.ravel()
    if len(flat) % 2:
        flat = np.append(flat, np.uint8(0))
    return (flat[::2] * LEVELS + flat[1::2]).astype(np.uint8)


def _label(analysis: CellsAnalysis, one: Evidence, here: slice) -> dict[str, Any]:
    """The evidence and the label's values, from 0 to 254; 255 where it is not defined."""
    label_T = analysis.values[one.label][here]
    least, most = float(np.nanmin(label_T)), float(np.nanmax(label_T))
    scaled = (label_T - least) / max(1e-9, most - least) * 254
    on_level = None
    if one.threshold is not None:
        on_level = (one.threshold * one.sign + 1) / 2 * (LEVELS - 1)
    return one.as_json() | {
        "cell": list(one.unit),
        "values": _packed(np.where(np.isnan(scaled), 255, np.nan_to_num(scaled).round()).astype(np.uint8)),
        "least": least,
        "most": most,
        "on_level": on_level if one.signal.endswith(".c") else None,
    }


def _packed(values: NDArray[Any]) -> str:
    """Compress an array for a script, little-endian."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(values).tobytes(), 9)).decode()


def _visible(symbol: str) -> str:
    return {"\n": "\u23ce", "\t": "\u21e5", " ": "\u2423"}.get(symbol, symbol)
