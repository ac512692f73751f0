"""What a label's score is worth: shifted and random labels, and what the newest characters alone tell.

T characters.
"""

import numpy as np
from numpy.typing import NDArray

from captioner.insight.labels.base import Values

LONGEST_CONTEXT = 3  # characters
ENOUGH = 3  # times that a context was seen
LEAST_SHIFT = 1000  # characters


def shifted(label_T: Values, rng: np.random.Generator) -> Values:
    """Move a label along the text, the end to the beginning: it keeps its own statistics."""
    T = len(label_T)
    least = min(LEAST_SHIFT, T // 4)
    return np.roll(label_T, int(rng.integers(least, T - least)))


def control_label(label_T: Values, codes_T: NDArray[np.uint32], rng: np.random.Generator) -> Values:
    """Give each sequence of three characters, wherever it stands, a value drawn from a label's values.

    Args:
        label_T: the label; where it is not defined, this is not either.
        codes_T: the text.
        rng: of the draws.

    Returns:
        The values.

    Source:
        Hewitt and Liang (2019), "Designing and interpreting probes with control tasks", where each word has a
        random label.
    """
    contexts_T = np.unique(_contexts(codes_T, LONGEST_CONTEXT), return_inverse=True)[1]
    drawn = rng.choice(label_T[~np.isnan(label_T)], contexts_T.max() + 1)
    return np.where(np.isnan(label_T), np.nan, drawn[contexts_T]).astype(np.float32)


def lookup(label_T: Values, codes_T: NDArray[np.uint32], half: int) -> NDArray[np.float32]:
    """Predict a label from the last 3 characters, or fewer where 3 were not seen often.

    Args:
        label_T: the label.
        codes_T: the text.
        half: the means are of the characters before this place.

    Returns:
        The mean of the label after the same characters, for every character.
    """
    defined_T = ~np.isnan(label_T[:half])
    found = np.full(len(label_T), label_T[:half][defined_T].mean() if defined_T.any() else 0.0)
    for length in range(1, LONGEST_CONTEXT + 1):
        contexts_T = np.unique(_contexts(codes_T, length), return_inverse=True)[1]
        seen = contexts_T[:half][defined_T]
        counts = np.bincount(seen, minlength=contexts_T.max() + 1)
        sums = np.bincount(seen, label_T[:half][defined_T], minlength=len(counts))
        means = sums / np.maximum(counts, 1)
        found = np.where(counts[contexts_T] >= ENOUGH, means[contexts_T], found)
    return found.astype(np.float32)


def _contexts(codes_T: NDArray[np.uint32], length: int) -> NDArray[np.int64]:
    """A number for the last `length` characters at every place."""
    symbols_T = np.unique(codes_T, return_inverse=True)[1].astype(np.int64)
    size = symbols_T.max() + 2  # one more for what is before the text
    contexts_T = np.zeros_like(symbols_T)
    for back in range(length):
        earlier_T = np.roll(symbols_T, back) + 1
        earlier_T[:back] = 0
        contexts_T = contexts_T * size + earlier_T
    return contexts_T
