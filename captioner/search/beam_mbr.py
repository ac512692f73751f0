"""Minimum Bayes risk among the sentences of a beam."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from captioner.ranges import BeamSize
from captioner.search.base import SEARCHES
from captioner.search.beam import BeamSearch
from captioner.search.hypothesis import Hypothesis
from captioner.search.mbr import UtilityName, rank
from captioner.search.options import option

if TYPE_CHECKING:
    from captioner.search.stepping.beam_policy import BeamPolicy
    from captioner.search.stepping.state import SearchState


@SEARCHES.register("beam_mbr")
@dataclass
class BeamMBR(BeamSearch):
    r"""Of the sentences that beam search finds, the one of the greatest expected utility.

        score(y) = 1/K sum_i utility(y, y_i)        y_1 ... y_K the sentences of the beam

    All sentences weigh the same: by their probabilities, which are far greater for short ones, the answer is
    the beam's first almost always. `utility` is as in `mbr`.

    Source:
        Kumar and Byrne (2004), sec. 3.2, where the sentences have their probabilities as weights.
    """

    beam_size: BeamSize = option(10, "beam size; 1 is greedy", flag="--beam", metavar="K")
    utility: UtilityName = option("ngrams", "how two sentences are compared")

    def policy(self, n_best: int) -> "BeamPolicy":
        """Return a policy that finishes all sentences of the beam; see `Search`."""
        return super().policy(max(n_best, self.beam_size))

    def finish(self, state: "SearchState", n_best: int = 1) -> list[list[Hypothesis]]:
        """Rank the sentences of the beam by their expected utility; see `Search`."""
        return [rank(found, self.utility)[:n_best] for found in super().finish(state, self.beam_size)]
