"""Sampling: sentences drawn from the model's distribution."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from captioner.errors import UserError
from captioner.search.base import SEARCHES, Search
from captioner.search.options import at_least, option

if TYPE_CHECKING:
    from captioner.search.stepping.logits_filter import LogitsFilter
    from captioner.search.stepping.policy import Policy


@dataclass(kw_only=True)
class SamplingSearch(Search):
    """The options of searches that draw: what is drawn from (`LogitsFilter`), and the seed.

    With a `seed`, the sentences of an image depend on its features and the seed alone. Without, they depend
    on torch's global random state.
    """

    temperature: float = option(1.0, "below 1 favours probable {word}s")
    top_k: int = option(0, "only the K most probable {word}s; 0 allows all", metavar="K")
    top_p: float = option(1.0, "only the fewest {word}s that have this mass together", metavar="P")
    min_p: float = option(0.0, "only {word}s of this probability relative to the best one", metavar="P")
    seed: int | None = option(None, "draw the same again")

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(0, top_k=self.top_k, min_p=self.min_p)
        if not self.temperature > 0:
            raise UserError(f"temperature must be above 0, not {self.temperature}: as a limit take greedy.")
        for name, value in (("top_p", self.top_p), ("min_p", self.min_p)):
            if not 0 <= value <= 1:
                raise UserError(f"{name} is a probability, not {value}.")

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

        at_least(1, n_best=n_best)
        draw = Ancestral if self.replacement else WithoutReplacement
        return draw(n_best, self.logits_filter, self.seed)
