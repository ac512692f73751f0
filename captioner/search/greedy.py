"""Greedy search: the most probable word at every step."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from captioner.errors import UserError
from captioner.search.base import SEARCHES, Search

if TYPE_CHECKING:
    from captioner.search.stepping.beam_policy import BeamPolicy


@SEARCHES.register("greedy")
@dataclass
class Greedy(Search):
    """The most probable word at every step. Fast, and not the most probable sentence."""

    def policy(self, n_best: int) -> "BeamPolicy":
        """Return a beam of one; see `Search`."""
        from captioner.search.stepping.beam_policy import BeamPolicy

        if n_best != 1:
            raise UserError(f"Greedy search finds one sentence, not {n_best}: take beam for several.")
        return BeamPolicy(1, 1, self.constraints)
