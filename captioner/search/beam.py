"""Beam search over a batch of images."""

from dataclasses import dataclass

from captioner.errors import UserError
from captioner.search.base import SEARCHES, Hypothesis, Search, StepModel, at_least
from captioner.search.beam_policy import BeamPolicy
from captioner.search.length_penalty import LengthPenalty, LengthRule
from captioner.search.state import decode
from captioner.search.trace import SearchTrace
from captioner.tree import Tree


@SEARCHES.register("beam")
@dataclass
class Beam(Search):
    """The `beam_size` best beginnings are kept at every word; 1 is greedy search.

    A finished sentence keeps its place and its score, so that a beam as wide as the number of sentences is
    exhaustive search. An image leaves the batch as soon as its n best are finished and nothing unfinished can
    come to more. `length_rule` and `alpha` say how sentences of different length compare (`LengthPenalty`).
    """

    beam_size: int = 3
    length_rule: LengthRule = "none"
    alpha: float = 0.6

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, beam_size=self.beam_size)
        at_least(0, alpha=self.alpha)

    def __call__(
        self, decoder: StepModel, features: Tree, n_best: int = 1, trace: SearchTrace | None = None
    ) -> list[list[Hypothesis]]:
        """See `Search`."""
        if not 1 <= n_best <= self.beam_size:
            raise UserError(f"{n_best} captions need a beam of {n_best} or more, not {self.beam_size}.")
        length = LengthPenalty(self.length_rule, self.alpha)
        policy = BeamPolicy(self.beam_size, n_best, self.constraints, length)
        return decode(decoder, features, self.constraints, policy, n_best, trace)
