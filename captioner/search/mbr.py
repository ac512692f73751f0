"""Minimum Bayes risk: of many sentences the one that agrees most with the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from captioner.errors import UserError
from captioner.ranges import BeamSize
from captioner.search.base import SEARCHES
from captioner.search.hypothesis import Hypothesis
from captioner.search.options import option
from captioner.search.sample import SamplingSearch

if TYPE_CHECKING:
    from captioner.search.stepping.sampling_policies import Ancestral
    from captioner.search.stepping.state import SearchState

Sentence = tuple[str, ...]
UtilityName = Literal["cider_d", "ngrams", "bleu"]
Utility = Callable[[Sequence[Sentence], Sequence[Sentence]], list[float]]


@SEARCHES.register("mbr")
@dataclass
class MinimumBayesRisk(SamplingSearch):
    r"""The sentence of the greatest expected utility.

        score(y) = 1/n sum_i utility(y, y_i)        y_1 ... y_n drawn from the model

    over the distinct y among the n `samples`. `utility` is `cider_d`, with each sample as an image of its own
    for the document frequencies; `ngrams`, CIDEr-D in which all n-grams weigh the same; or `bleu`, the mean
    of the sentence's BLEU-1 to BLEU-4. Each sample counts against itself too. Unfinished samples serve as
    references but are returned only if no sample finished.

    Source:
        Kumar and Byrne (2004); Eikema and Aziz (2020).
    """

    samples: BeamSize = option(32, "sentences to draw")
    utility: UtilityName = option("cider_d", "how two sentences are compared")

    def policy(self, n_best: int) -> "Ancestral":
        """Return a policy that draws all samples; see `Search`."""
        from captioner.search.stepping.sampling_policies import Ancestral

        if not 1 <= n_best <= self.samples:
            raise UserError(f"{n_best} captions need {n_best} samples or more, not {self.samples}.")
        return Ancestral(self.samples, self.logits_filter, self.seed)

    def finish(self, state: "SearchState", n_best: int = 1) -> list[list[Hypothesis]]:
        """Rank the samples of a state by their expected utility; see `Search`."""
        return [rank(found, self.utility)[:n_best] for found in super().finish(state, self.samples)]


def rank(hypotheses: Sequence[Hypothesis], utility: UtilityName) -> list[Hypothesis]:
    """Return the distinct sentences, finished ones first, that of the greatest expected utility first."""
    distinct = list({(*h.tokens, h.finished): h for h in hypotheses}.values())
    candidates, references = ([tuple(map(str, h.tokens)) for h in some] for some in (distinct, hypotheses))
    scores = expected(UTILITIES[utility], candidates, references)
    scored = [h._replace(score=score) for h, score in zip(distinct, scores, strict=True)]
    return sorted(scored, key=lambda h: (not h.finished, -h.score))


def expected(utility: Utility, candidates: Sequence[Sentence], references: Sequence[Sentence]) -> list[float]:
    """Compute the mean utility of each candidate over the references.

    Args:
        utility: compares candidates and references pair by pair.
        candidates: sentences to score.
        references: sentences to compare each of them with.

    Returns:
        One score per candidate.
    """
    n = len(references)
    pairs = utility([c for c in candidates for _ in range(n)], list(references) * len(candidates))
    return [sum(pairs[start : start + n]) / n for start in range(0, len(pairs), n)]


def _cider(candidates: Sequence[Sentence], references: Sequence[Sentence]) -> list[float]:
    from captioner.metrics.cider_d import cider_d

    return cider_d(candidates, [[reference] for reference in references]).per_image


def _ngrams(candidates: Sequence[Sentence], references: Sequence[Sentence]) -> list[float]:
    from captioner.metrics.cider_d import cider_d
    from captioner.metrics.document_frequencies import DocumentFrequencies

    # Of more than one image, none of which has any n-gram: log(images) is the weight of all.
    frequencies = DocumentFrequencies.count([[()], [()]])
    return cider_d(candidates, [[reference] for reference in references], frequencies).per_image


def _bleu(candidates: Sequence[Sentence], references: Sequence[Sentence]) -> list[float]:
    from captioner.metrics.bleu import sentence_bleu

    scores = [sentence_bleu(c, [r]) for c, r in zip(candidates, references, strict=True)]
    return [sum(score[:4]) / 4 for score in scores]


UTILITIES: dict[UtilityName, Utility] = {"cider_d": _cider, "ngrams": _ngrams, "bleu": _bleu}
