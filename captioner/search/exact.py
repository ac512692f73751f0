"""Exact search: the most probable sentence of all, by branch and bound."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NoReturn

from captioner.errors import UserError
from captioner.ranges import BeamSize, Count, NonNegative
from captioner.search.base import SEARCHES, Search
from captioner.search.hypothesis import Hypothesis
from captioner.search.options import LengthRule, option
from captioner.search.trace import SearchTrace

if TYPE_CHECKING:
    from captioner.search.stepping.policy import StepModel
    from captioner.tree import Tree


@SEARCHES.register("exact")
@dataclass
class Exact(Search):
    """The finished sentences of the highest score, and whether that is proven.

    Depth first, the most probable word first, from the sentences that a beam finds. A partial sentence is
    given up when even a remainder of probability 1 could not make it better than the n-th best so far.
    `proven` is False where `max_steps` or `max_open` was reached (the latter takes the memory): the answer is
    then the best that was seen. Where no sentence can finish, the best that were cut are given.

    Source:
        Stahlberg and Byrne (2019).
    """

    stepwise: ClassVar[bool] = False

    length_rule: LengthRule = option("none", "how sentences of different length compare")
    alpha: NonNegative = option(0.6, "the exponent of the length rule wu")
    beam_size: BeamSize = option(5, "size of the beam that search starts from", flag="--beam", metavar="K")
    max_steps: Count = option(20_000, "partial sentences to extend at most, per image")
    max_open: Count = option(100_000, "partial sentences to keep waiting at most, per image")

    def policy(self, n_best: int) -> NoReturn:
        """Refuse; see `Search`."""
        raise UserError("Exact search explores a tree and cannot be advanced word by word: take beam.")

    def __call__(
        self, model: "StepModel", features: "Tree", n_best: int = 1, trace: SearchTrace | None = None
    ) -> list[list[Hypothesis]]:
        """Decode by beam search, then by branch and bound from its sentences; see `Search`."""
        from captioner.search.stepping.advance import run, start
        from captioner.search.stepping.beam_policy import BeamPolicy
        from captioner.search.stepping.branch_and_bound import BranchAndBound
        from captioner.search.stepping.length_penalty import LengthPenalty
        from captioner.search.stepping.sampled_attention import attend_as
        from captioner.search.stepping.state import collect

        if n_best < 1:
            raise UserError(f"{n_best} captions cannot be asked for.")
        model = attend_as(model, self.attention, self.attention_seed)
        length = LengthPenalty(self.length_rule, self.alpha)
        width = max(self.beam_size, n_best)
        policy = BeamPolicy(width, width, self.constraints, length)
        beams = collect(run(start(model, features, self.constraints, policy)), width)
        limits = (self.max_steps, self.max_open)
        return BranchAndBound(model, self.constraints, length, n_best, limits, trace)(features, beams)
