"""Comparison of sentences of different length."""

from typing import NamedTuple

import torch
from torch import Tensor

from captioner.search.options import LengthRule


class LengthPenalty(NamedTuple):
    r"""The divisor of a sentence's log-probability.

        none    1                          the probability itself: prefers short sentences
        mean    |y|                        log-probability per word
        wu      ((5 + |y|) / 6)^alpha

    |y| counts the end. No divisor falls with the length, and log-probabilities only fall. So a sentence of
    total s can never reach a score above s / penalty(max_length).

    Source:
        Wu et al. (2016), eq. 14, for wu; without their coverage penalty.
    """

    rule: LengthRule
    alpha: float

    def __call__(self, lengths: Tensor) -> Tensor:
        """Compute the divisor for each of the lengths."""
        if self.rule == "mean":
            return lengths.float()
        if self.rule == "wu":
            return ((5 + lengths) / 6) ** self.alpha
        return torch.ones_like(lengths, dtype=torch.float)

    def of(self, length: int) -> float:
        """Compute the divisor for one length."""
        return float(self(torch.tensor(length, dtype=torch.double)))
