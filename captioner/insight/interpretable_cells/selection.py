"""Choose the column of a recording that serves a label best.      K columns, M labels, S on a shortlist."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from captioner.insight.interpretable_cells.correlations import correlate
from captioner.insight.interpretable_cells.recording import Recording
from captioner.insight.interpretable_cells.scores import Curve, codes_of
from captioner.insight.labels.base import Values

SHORTLIST = 8
"""Columns with the largest correlations, of which the one with the best average precision is chosen."""


class BestColumn(NamedTuple):
    """The column that serves a label best, and whether high values stand for it (1) or low ones (-1)."""

    column: int
    sign: int


def best_columns(
    recording: Recording, labels: Sequence[Values], graded: Sequence[bool], half: int, progress: Any = iter
) -> list[BestColumn]:
    """Choose a column for each label from the beginning of a text.

    Args:
        recording: of the text.
        labels: their values at every character.
        graded: whether they are numbers: then the correlation decides alone.
        half: characters that are used.
        progress: wraps the sequence of blocks of time.

    Returns:
        The columns.
    """
    r_MK = correlate(recording, labels, slice(0, half), progress)
    best_MS = np.argsort(-np.abs(r_MK), axis=1)[:, :SHORTLIST]
    columns = np.unique(best_MS[np.flatnonzero(~np.array(graded))])
    codes = dict(zip(columns.tolist(), _codes(recording, columns, half), strict=True))
    chosen = []
    for label_T, is_graded, r_K, best_S in zip(labels, graded, r_MK, best_MS, strict=True):
        column = int(best_S[0])
        if not is_graded:
            defined_T = ~np.isnan(label_T[:half])
            on_T = label_T[:half][defined_T] > 0
            curves = [Curve.of(codes[one][defined_T], on_T) for one in best_S.tolist()]
            precisions = [
                (curve if r_K[one] >= 0 else curve.flipped()).average_precision()
                for one, curve in zip(best_S, curves, strict=True)
            ]
            column = int(best_S[int(np.argmax(precisions))])
        chosen.append(BestColumn(column, 1 if r_K[column] >= 0 else -1))
    return chosen


def _codes(recording: Recording, columns: NDArray[np.int64], half: int) -> list[NDArray[np.uint16]]:
    found = np.empty((len(columns), half), np.uint16)
    for block in recording.blocks():
        here = slice(block.start, min(block.stop, half))
        if here.start < half:
            found[:, here] = codes_of(recording.values_TK[here][:, columns]).T
    return list(found)
