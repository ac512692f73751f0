"""Sampling: sentences drawn from the model's distribution."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Le

from captioner.errors import UserError
from captioner.ranges import CountOrZero, Probability, Seed
from captioner.search.base import SEARCHES, Search
from captioner.search.options import option

if TYPE_CHECKING:
    from captioner.search.stepping.logits_filter import LogitsFilter
    from captioner.search.stepping.policy import Policy


Temperature = Annotated[float, Ge(0.001), Le(1000)]
"""What is below draws the most probable word only, at the cost of overflow."""


@dataclass(kw_only=True)
class SamplingSearch(Search):
    """The options of searches that draw: what is drawn from (`LogitsFilter`), and the seed.

    With a `seed`, the sentences of an image depend on its features and the seed alone. Without, they depend
    on torch's global random state.
    """

    temperature: Temperature = option(1.0, "below 1 favours probable {word}s; greedy is the limit")
    top_k: CountOrZero = option(0, "only the K most probable {word}s; 0 allows all", metavar="K")
    top_p: Probability = option(1.0, "only the fewest {word}s that have this mass together", metavar="P")
    min_p: Probability = option(0.0, "only {word}s of this probability relative to the best one", metavar="P")
    seed: Seed | None = option(None, "draw the same again")

    @property
    def logits_filter(self) -> "LogitsFilter":
        """The distribution that is drawn from."""
        from captioner.search.stepping.logits_filter import LogitsFilter

        return LogitsFilter(self.temperature, self.top_k, self.top_p, self.min_p)


@SEARCHES.register("sample")
@dataclass
class Sample(SamplingSearch):
    """`n_best` sentences drawn from the model, in the order drawn; finished ones before those cut.

    With `replacement` they are independent. Without, they all differ, and the first is a draw from the model
    (`WithoutReplacement`). `score` is the log-probability under the filtered distribution, or the perturbed
    one.
    """

    replacement: bool = option(True, "sentences that all differ", flag="--without-replacement")

    def policy(self, n_best: int) -> "Policy":
        """See `Search`."""
        from captioner.search.stepping.sampling_policies import Ancestral, WithoutReplacement

        if n_best < 1:
            raise UserError(f"{n_best} captions cannot be drawn.")
        draw = Ancestral if self.replacement else WithoutReplacement
        return draw(n_best, self.logits_filter, self.seed)
