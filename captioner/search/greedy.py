"""Greedy search: the most probable word, every time."""

from dataclasses import dataclass

from captioner.errors import UserError
from captioner.search.base import SEARCHES, Hypothesis, Search, StepModel
from captioner.search.beam_policy import BeamPolicy
from captioner.search.state import decode
from captioner.search.trace import SearchTrace
from captioner.tree import Tree


@SEARCHES.register("greedy")
@dataclass
class Greedy(Search):
    """The most probable word, every time. Not the most probable sentence, and fast."""

    def __call__(
        self, decoder: StepModel, features: Tree, n_best: int = 1, trace: SearchTrace | None = None
    ) -> list[list[Hypothesis]]:
        """See `Search`."""
        if n_best != 1:
            raise UserError(f"Greedy search finds one sentence, not {n_best}: take beam for several.")
        policy = BeamPolicy(1, 1, self.constraints)
        return decode(decoder, features, self.constraints, policy, 1, trace)
