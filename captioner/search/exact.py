"""Exact search: the most probable sentence there is, by branch and bound."""

from dataclasses import dataclass

from captioner.errors import UserError
from captioner.search.base import SEARCHES, Hypothesis, Search, StepModel, at_least
from captioner.search.beam_policy import BeamPolicy
from captioner.search.branch_and_bound import BranchAndBound
from captioner.search.length_penalty import LengthPenalty, LengthRule
from captioner.search.state import decode
from captioner.search.trace import SearchTrace
from captioner.tree import Tree


@SEARCHES.register("exact")
@dataclass
class Exact(Search):
    """The finished sentences of the highest score, and whether that is proven (Stahlberg and Byrne, 2019).

    Depth first, the most probable word first, from the sentences that a beam finds. A beginning is given up
    when even the rest said with certainty could not make it better than the n-th best so far. `proven` is
    False where `max_steps` (beginnings read, for an image) or `max_open` (beginnings waiting, which take the
    memory) was reached: the answer is then the best that was seen. Where no sentence can finish, the best
    that were cut are given.
    """

    length_rule: LengthRule = "none"
    alpha: float = 0.6
    beam_size: int = 5
    max_steps: int = 20_000
    max_open: int = 100_000

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, beam_size=self.beam_size, max_steps=self.max_steps, max_open=self.max_open)
        at_least(0, alpha=self.alpha)

    def __call__(
        self, decoder: StepModel, features: Tree, n_best: int = 1, trace: SearchTrace | None = None
    ) -> list[list[Hypothesis]]:
        """See `Search`."""
        if n_best < 1:
            raise UserError(f"{n_best} captions cannot be asked for.")
        length = LengthPenalty(self.length_rule, self.alpha)
        width = max(self.beam_size, n_best)
        policy = BeamPolicy(width, width, self.constraints, length)
        beams = decode(decoder, features, self.constraints, policy, width)
        limits = (self.max_steps, self.max_open)
        return BranchAndBound(decoder, self.constraints, length, n_best, limits, trace)(features, beams)
