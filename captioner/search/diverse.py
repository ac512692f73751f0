"""Diverse beam search."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from captioner.errors import UserError
from captioner.ranges import BeamSize, NonNegative
from captioner.search.base import SEARCHES, Search
from captioner.search.options import LengthRule, option

if TYPE_CHECKING:
    from captioner.search.stepping.beam_policy import BeamPolicy


@SEARCHES.register("diverse")
@dataclass
class Diverse(Search):
    r"""A beam in groups, each penalised for words that the groups before it choose.

        score of word v in group g at time t = log p(v | before) - diversity * n

    where n sentences of earlier groups choose v at t, their Hamming diversity. The scores of a sentence's
    words add up; a hypothesis has that sum in `score`, over the length's divisor, and the
    model's own in `log_prob`. The first group is plain beam search. `groups` is by default the beam size:
    sentences that all differ.

    Sentences come as the best of every group, then the second of every group.

    Source:
        Vijayakumar et al. (2016), sec. 3 and 5. They run each group one step behind the one before it; here
        all groups read their words in one step of the decoder and choose in turn, with the same result.
    """

    beam_size: BeamSize = option(6, "beam size; 1 is greedy", flag="--beam", metavar="K")
    groups: BeamSize | None = option(None, "groups of the beam (default: as many as beams)", metavar="G")
    diversity: NonNegative = option(0.5, "penalty for a {word} of an earlier group")
    length_rule: LengthRule = option("none", "how sentences of different length compare")
    alpha: NonNegative = option(0.6, "the exponent of the length rule wu")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beam_size % (self.groups or self.beam_size):
            raise UserError(f"A beam of {self.beam_size} cannot be parted into {self.groups} equal groups.")

    def policy(self, n_best: int) -> "BeamPolicy":
        """See `Search`."""
        from captioner.search.stepping.beam_policy import BeamPolicy
        from captioner.search.stepping.length_penalty import LengthPenalty

        if not 1 <= n_best <= self.beam_size:
            raise UserError(f"{n_best} captions need a beam of {n_best} or more, not {self.beam_size}.")
        groups = self.groups or self.beam_size
        length = LengthPenalty(self.length_rule, self.alpha)
        size = self.beam_size // groups
        return BeamPolicy(size, n_best, self.constraints, length, groups, self.diversity)
