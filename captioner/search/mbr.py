"""Minimum Bayes risk: of many drawn sentences the one that the others agree with most."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from captioner.errors import UserError
from captioner.metrics.bleu import sentence_bleu
from captioner.metrics.cider_d import cider_d
from captioner.search.base import SEARCHES, Hypothesis, StepModel, at_least
from captioner.search.sampling import ImageRNG, SamplingSearch
from captioner.search.sampling_policies import Ancestral
from captioner.search.state import decode
from captioner.search.trace import SearchTrace
from captioner.tree import Tree

Sentence = tuple[str, ...]
Utility = Callable[[Sequence[Sentence], Sequence[Sentence]], list[float]]


@SEARCHES.register("mbr")
@dataclass
class MinimumBayesRisk(SamplingSearch):
    r"""The sentence of greatest expected utility (Kumar and Byrne, 2004; Eikema and Aziz, 2020).

        score(y) = 1/n sum_i utility(y, y_i)        y_1 ... y_n drawn from the model

    over the distinct y among the n `samples`. `utility` is CIDEr-D, with each sample as an image of its own
    for the document frequencies, or the mean of the sentence's BLEU-1 to BLEU-4. Each sample counts against
    itself too. Sentences that were cut are heard as references and chosen only if nothing was finished.
    """

    samples: int = 32
    utility: Literal["cider_d", "bleu"] = "cider_d"

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, samples=self.samples)

    def __call__(
        self, decoder: StepModel, features: Tree, n_best: int = 1, trace: SearchTrace | None = None
    ) -> list[list[Hypothesis]]:
        """See `Search`."""
        if not 1 <= n_best <= self.samples:
            raise UserError(f"{n_best} captions need {n_best} samples or more, not {self.samples}.")
        policy = Ancestral(self.samples, self.logits_filter, ImageRNG(features, self.seed))
        drawn = decode(decoder, features, self.constraints, policy, self.samples, trace)
        return [self._choose(hypotheses)[:n_best] for hypotheses in drawn]

    def _choose(self, drawn: list[Hypothesis]) -> list[Hypothesis]:
        """The distinct sentences, that of the greatest expected utility first."""
        distinct = list({(*h.tokens, h.finished): h for h in drawn}.values())
        candidates, references = ([tuple(map(str, h.tokens)) for h in some] for some in (distinct, drawn))
        scores = expected(UTILITIES[self.utility], candidates, references)
        scored = [h._replace(score=score) for h, score in zip(distinct, scores, strict=True)]
        return sorted(scored, key=lambda h: (not h.finished, -h.score))


def expected(utility: Utility, candidates: Sequence[Sentence], references: Sequence[Sentence]) -> list[float]:
    """The mean utility of each candidate over the references."""
    n = len(references)
    pairs = utility([c for c in candidates for _ in range(n)], list(references) * len(candidates))
    return [sum(pairs[start : start + n]) / n for start in range(0, len(pairs), n)]


def _cider(candidates: Sequence[Sentence], references: Sequence[Sentence]) -> list[float]:
    return cider_d(candidates, [[reference] for reference in references]).per_image


def _bleu(candidates: Sequence[Sentence], references: Sequence[Sentence]) -> list[float]:
    scores = [sentence_bleu(c, [r]) for c, r in zip(candidates, references, strict=True)]
    return [sum(score[:4]) / 4 for score in scores]


UTILITIES: dict[str, Utility] = {"cider_d": _cider, "bleu": _bleu}
