"""Diverse beam search (Vijayakumar et al., 2016)."""

from dataclasses import dataclass

from captioner.errors import UserError
from captioner.search.base import SEARCHES, Hypothesis, Search, StepModel, at_least
from captioner.search.beam_policy import BeamPolicy
from captioner.search.length_penalty import LengthPenalty, LengthRule
from captioner.search.state import decode
from captioner.search.trace import SearchTrace
from captioner.tree import Tree


@SEARCHES.register("diverse")
@dataclass
class Diverse(Search):
    r"""The beam in groups, each kept from saying what the groups before it say (their sec. 3 and 5).

        score of word v in group g at time t = log p(v | before) - diversity * n

    where n sentences of earlier groups say v at t, their Hamming diversity. The scores of a sentence's
    words add up; a hypothesis has that sum in `score`, over the length's divisor, and the
    model's own in `log_prob`. The first group is plain beam search. The paper runs each group a step
    behind the one before it; here all groups read their words in one step of the decoder and choose in turn,
    which comes to the same. `groups` is by default the beam size: sentences that all differ.

    Sentences come as the best of every group, then the second of every group.
    """

    beam_size: int = 6
    groups: int | None = None
    diversity: float = 0.5
    length_rule: LengthRule = "none"
    alpha: float = 0.6

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, beam_size=self.beam_size, groups=self.groups or self.beam_size)
        at_least(0, diversity=self.diversity, alpha=self.alpha)
        if self.beam_size % (self.groups or self.beam_size):
            raise UserError(f"A beam of {self.beam_size} cannot be parted into {self.groups} equal groups.")

    def __call__(
        self, decoder: StepModel, features: Tree, n_best: int = 1, trace: SearchTrace | None = None
    ) -> list[list[Hypothesis]]:
        """See `Search`."""
        if not 1 <= n_best <= self.beam_size:
            raise UserError(f"{n_best} captions need a beam of {n_best} or more, not {self.beam_size}.")
        groups = self.groups or self.beam_size
        length = LengthPenalty(self.length_rule, self.alpha)
        policy = BeamPolicy(
            self.beam_size // groups, n_best, self.constraints, length, groups, self.diversity
        )
        return decode(decoder, features, self.constraints, policy, n_best, trace)
