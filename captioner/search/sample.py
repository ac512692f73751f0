"""Sampling: sentences as probable as the model finds them."""

from dataclasses import dataclass

from captioner.search.base import SEARCHES, Hypothesis, StepModel, at_least
from captioner.search.sampling import ImageRNG, SamplingSearch
from captioner.search.sampling_policies import Ancestral, WithoutReplacement
from captioner.search.state import decode
from captioner.search.trace import SearchTrace
from captioner.tree import Tree


@SEARCHES.register("sample")
@dataclass
class Sample(SamplingSearch):
    """`n_best` sentences drawn from the model, in the order drawn; finished ones before those cut.

    With `replacement` they are independent. Without, they all differ, and the first is a draw from the model
    (`WithoutReplacement`). `score` is the log-probability under what was drawn from, or the perturbed one.
    """

    replacement: bool = True

    def __call__(
        self, decoder: StepModel, features: Tree, n_best: int = 1, trace: SearchTrace | None = None
    ) -> list[list[Hypothesis]]:
        """See `Search`."""
        at_least(1, n_best=n_best)
        draw = Ancestral if self.replacement else WithoutReplacement
        policy = draw(n_best, self.logits_filter, ImageRNG(features, self.seed))
        return decode(decoder, features, self.constraints, policy, n_best, trace)
