"""Correlate many labels with many units in one pass.      T characters, M labels, K columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from captioner.insight.interpretable_cells.recording import Recording
from captioner.insight.labels.base import Values


def correlate(
    recording: Recording, labels: Sequence[Values], places: slice, progress: Any = iter
) -> NDArray[np.float64]:
    """Compute the correlation of every label with every column.

    Args:
        recording: of the text.
        labels: M labels of the whole text; where one is not defined it is left out.
        places: the stretch of the text that counts.
        progress: wraps the sequence of blocks of time.

    Returns:
        r_MK; 0 where one of the two does not vary.
    """
    M, K = len(labels), recording.values_TK.shape[1]
    # Of each label: sums of w, w x, w x x, w y, w y y, w x y over the characters, w = 1 where it is defined.
    x, xx, xy = np.zeros((M, K)), np.zeros((M, K)), np.zeros((M, K))
    n, y, yy = np.zeros((M, 1)), np.zeros((M, 1)), np.zeros((M, 1))
    first, last, _ = places.indices(len(recording.nats_T))
    partly = [i for i, label in enumerate(labels) if np.isnan(label[first:last]).any()]
    fully = [i for i in range(M) if i not in partly]
    for block in progress([b for b in recording.blocks() if b.start < last and b.stop > first]):
        here = slice(max(block.start, first), min(block.stop, last))
        values = recording.values_TK[here].astype(np.float32)
        squares = values * values
        label_TM = np.stack([label[here] for label in labels], axis=1)
        defined_TM = (~np.isnan(label_TM)).astype(np.float32)
        label_TM = np.nan_to_num(label_TM)
        xy += label_TM.T @ values
        x[fully] += values.sum(axis=0, dtype=np.float64)
        xx[fully] += squares.sum(axis=0, dtype=np.float64)
        if partly:
            weights = defined_TM[:, partly].T
            x[partly] += weights @ values
            xx[partly] += weights @ squares
        n[:, 0] += defined_TM.sum(axis=0)
        y[:, 0] += label_TM.sum(axis=0, dtype=np.float64)
        yy[:, 0] += (label_TM.astype(np.float64) ** 2).sum(axis=0)
    n = np.maximum(n, 1)
    scale = np.sqrt(np.maximum(xx / n - (x / n) ** 2, 0) * np.maximum(yy / n - (y / n) ** 2, 0))
    r_MK = np.zeros((M, K))
    np.divide(xy / n - x / n * (y / n), scale, out=r_MK, where=scale > 1e-6)
    return r_MK
