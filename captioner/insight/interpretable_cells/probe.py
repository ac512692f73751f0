"""Linear probes: what all units together tell of a label.      R rows, D units of states."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from captioner.insight.interpretable_cells.recording import Recording
from captioner.insight.interpretable_cells.scores import score
from captioner.insight.labels.base import Values

MAX_ROWS = 60_000
"""Characters that a probe is fitted to, evenly spaced, and as many that it is scored on."""
RIDGE = 1e-3  # of the mean variance
LEAST_SCALE = 0.02
"""A unit that hardly varies in the first half is not magnified: it may vary in the second."""
FEW = 4  # units of a small probe


class ProbeScores(NamedTuple):
    """Scores on the second half of probes fitted on the first.

    Args:
        every: of the probe of all units' h and memory.
        few: of the probe of the 4 that serve best, chosen one after another.
        columns: these 4 in the recording.
    """

    every: float
    few: float
    columns: list[int]


class Probes:
    """The states of a recording at evenly spaced characters, with which probes of any labels are fitted.

    Args:
        recording: the recording.
        half: where the second half begins, on which probes are scored.
    """

    def __init__(self, recording: Recording, half: int) -> None:
        T = len(recording.nats_T)
        self.columns = recording.state_columns
        self.fit_R = np.arange(0, half, -(-half // MAX_ROWS))
        self.test_R = np.arange(half, T, -(-(T - half) // MAX_ROWS))
        fitted = recording.values_TK[self.fit_R][:, self.columns].astype(np.float32)
        tested = recording.values_TK[self.test_R][:, self.columns].astype(np.float32)
        mean, scale = fitted.mean(axis=0), np.maximum(fitted.std(axis=0), LEAST_SCALE)
        self.fit_RD = (fitted - mean) / scale
        self.test_RD = (tested - mean) / scale
        self.gram_DD = self.fit_RD.T @ self.fit_RD / len(fitted)

    def score(self, label_T: Values, graded: bool) -> ProbeScores:
        """Fit least squares to a label and score the predictions.

        Args:
            label_T: the label of the whole text.
            graded: whether it is a number.

        Returns:
            The scores.
        """
        label_R = label_T[self.fit_R]
        defined_R = ~np.isnan(label_R)
        centred = np.where(defined_R, label_R - label_R[defined_R].mean(), 0.0).astype(np.float32)
        product_D = self.fit_RD.T @ centred / max(1, defined_R.sum())
        gram_DD = self.gram_DD
        if not defined_R.all():
            some = self.fit_RD[defined_R]
            gram_DD = some.T @ some / len(some)
        D = len(product_D)
        weights_D = np.linalg.solve(gram_DD + RIDGE * np.eye(D), product_D)
        chosen = _forward_selection(gram_DD, product_D)
        few_D = np.zeros(D)
        few_D[chosen] = _least_squares(gram_DD, product_D, chosen)
        tested = label_T[self.test_R]
        every, few = (_scored(self.test_RD @ weights, tested, graded) for weights in (weights_D, few_D))
        return ProbeScores(every, few, self.columns[chosen].tolist())


def _scored(predicted_R: NDArray[np.floating], label_R: Values, graded: bool) -> float:
    largest = np.abs(predicted_R).max() or 1.0  # half precision, in which scores are counted, has a limit
    return score(predicted_R / largest, label_R, graded)


def _least_squares(
    gram_DD: NDArray[np.floating], product_D: NDArray[np.floating], chosen: list[int]
) -> NDArray[np.floating]:
    some = gram_DD[np.ix_(chosen, chosen)] + RIDGE * np.eye(len(chosen))
    solved: NDArray[np.floating] = np.linalg.solve(some, product_D[chosen])
    return solved


def _forward_selection(gram_DD: NDArray[np.floating], product_D: NDArray[np.floating]) -> list[int]:
    """Choose units one after another, each the one that fits best what is left to explain."""
    chosen: list[int] = []
    left_D = product_D
    for _ in range(min(FEW, len(product_D))):
        rest = np.abs(left_D)
        rest[chosen] = -1
        chosen.append(int(rest.argmax()))
        left_D = product_D - gram_DD[:, chosen] @ _least_squares(gram_DD, product_D, chosen)
    return chosen
