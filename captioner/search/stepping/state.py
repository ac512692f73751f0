"""The state of a search, as a value, and its sentences at any moment.

B images, K sentences an image, N = B*K rows, T words, L locations, V vocabulary.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from captioner.errors import UserError
from captioner.search.hypothesis import Hypothesis
from captioner.search.stepping.beam_state import BeamState
from captioner.search.stepping.beam_tracer import BeamTracer
from captioner.search.stepping.constraints import Constraints
from captioner.search.stepping.image_rng import ImageRNG
from captioner.search.stepping.policy import Policy, StepModel
from captioner.search.trace import TraceEvent
from captioner.tree import Tree


class SearchSetup(NamedTuple):
    """The parts of a search that stay the same through it."""

    model: StepModel
    constraints: Constraints
    policy: Policy


class NextWord(NamedTuple):
    """The decoder after the last word of every sentence: scores of the next word, computed once."""

    memory: Tree  # leaves (B, ...)
    state: Tree  # leaves (N, ...)
    logits_NV: Tensor  # -inf for words that the constraints forbid
    normaliser_N1: Tensor  # of the logits before constraints
    alphas_NL: Tensor | None


class SearchState(NamedTuple):
    """A search at one moment. Advancing from it leaves it unchanged, so it can be advanced again."""

    setup: SearchSetup
    beams: BeamState  # of the images under way
    next_word: NextWord | None  # None once all images are done
    ended: tuple[BeamState, ...]  # of the images that are done, in the order in which they left the batch
    rng: ImageRNG | None
    tracer: BeamTracer | None
    events: tuple[TraceEvent, ...]  # the choice that led here, of a traced search

    @property
    def done(self) -> bool:
        """Whether no image is under way."""
        return self.next_word is None

    def scored(self) -> NextWord:
        """Require that images are under way.

        Returns:
            The scores of the next word.

        Raises:
            UserError: all images are done.
        """
        if self.next_word is None:
            raise UserError("The search is over: all images are done.")
        return self.next_word


@torch.inference_mode()
def collect(state: SearchState, n_best: int) -> list[list[Hypothesis]]:
    """Return the sentences of every image: group by group the best, then the second; finished ones first.

    Args:
        state: of a search, at any moment.
        n_best: sentences wanted per image.

    Returns:
        At most `n_best` sentences for each image of the batch.
    """
    found: dict[int, list[Hypothesis]] = {}
    for beams in (*state.ended, state.beams):
        found |= _hypotheses(beams, state.setup.policy.num_groups, n_best)
    return [found[image] for image in sorted(found)]


def _hypotheses(beams: BeamState, num_groups: int, n_best: int) -> dict[int, list[Hypothesis]]:
    """The sentences by the number of their image."""
    found: dict[int, list[Hypothesis]] = {}
    size = beams.scores_BK.shape[1] // num_groups
    alphas_BKTL = beams.alphas.cpu() if isinstance(beams.alphas, Tensor) else None
    for b, (image, *columns) in enumerate(zip(*(leaf.tolist() for leaf in beams[:-1]), strict=True)):
        sentences = [(k, _Sentence(*values)) for k, values in enumerate(zip(*columns, strict=True))]
        possible = [(k, sentence) for k, sentence in sentences if sentence.score > -torch.inf]
        possible.sort(key=lambda one: (not one[1].finished, one[0] % size, one[0] // size))
        found[image] = [
            sentence.hypothesis(k // size, None if alphas_BKTL is None else alphas_BKTL[b, k])
            for k, sentence in possible[:n_best]
        ]
    return found


class _Sentence(NamedTuple):
    """One of `BeamState`, in plain values."""

    log_prob: float
    total: float
    score: float
    length: int
    finished: bool
    tokens: list[int]
    word_log_probs: list[float]

    def hypothesis(self, group: int, alphas_TL: Tensor | None) -> Hypothesis:
        """Without <bos>, and without all that follows the end."""
        words = self.length - self.finished
        return Hypothesis(
            self.tokens[1 : words + 1],
            self.log_prob,
            self.word_log_probs[: self.length],
            self.finished,
            None if alphas_TL is None else alphas_TL[:words].clone(),
            self.score,
            group,
        )
