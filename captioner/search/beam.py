"""Beam search over a batch of images."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from captioner.errors import UserError
from captioner.ranges import BeamSize, NonNegative
from captioner.search.base import SEARCHES, Search
from captioner.search.options import LengthRule, option

if TYPE_CHECKING:
    from captioner.search.stepping.beam_policy import BeamPolicy


@dataclass
class BeamSearch(Search):
    """The options of searches that go on with the best partial sentences of one beam."""

    beam_size: BeamSize = option(3, "beam size; 1 is greedy", flag="--beam", metavar="K")
    length_rule: LengthRule = option("none", "how sentences of different length compare")
    alpha: NonNegative = option(0.6, "the exponent of the length rule wu")

    def policy(self, n_best: int) -> "BeamPolicy":
        """See `Search`."""
        from captioner.search.stepping.beam_policy import BeamPolicy
        from captioner.search.stepping.length_penalty import LengthPenalty

        if not 1 <= n_best <= self.beam_size:
            raise UserError(f"{n_best} captions need a beam of {n_best} or more, not {self.beam_size}.")
        length = LengthPenalty(self.length_rule, self.alpha)
        return BeamPolicy(self.beam_size, n_best, self.constraints, length)


@SEARCHES.register("beam")
@dataclass
class Beam(BeamSearch):
    """The `beam_size` best partial sentences are kept at every word; 1 is greedy search.

    A finished sentence keeps its place and its score, so that a beam as wide as the number of sentences is
    exhaustive search. An image is done as soon as its n best are finished and no unfinished sentence can
    reach a higher score. `length_rule` and `alpha` say how sentences of different length compare
    (`LengthPenalty`).
    """
