"""How sentences of different length compare."""

from typing import Literal, NamedTuple

import torch
from torch import Tensor

LengthRule = Literal["none", "mean", "wu"]


class LengthPenalty(NamedTuple):
    r"""What a log-probability is divided by.

        none    1                          the probability itself: prefers short sentences
        mean    |y|                        log-probability a word
        wu      ((5 + |y|) / 6)^alpha      Wu et al. (2016), eq. 14, without its coverage

    |y| counts the end. No divisor falls with the length, so that a sentence of total s can never come to more
    than s / penalty(max_length): log-probabilities only fall.
    """

    rule: LengthRule
    alpha: float

    def __call__(self, lengths: Tensor) -> Tensor:
        """The divisor for each of the lengths."""
        if self.rule == "mean":
            return lengths.float()
        if self.rule == "wu":
            return ((5 + lengths) / 6) ** self.alpha
        return torch.ones_like(lengths, dtype=torch.float)

    def of(self, length: int) -> float:
        """The divisor for one length."""
        return float(self(torch.tensor(length, dtype=torch.double)))
