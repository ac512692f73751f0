"""Sentences of a state as hypotheses.      B images, K sentences an image, T words, L locations."""

from typing import NamedTuple

import torch
from torch import Tensor

from captioner.search.hypothesis import Hypothesis
from captioner.search.stepping.beam_state import BeamState
from captioner.search.stepping.state import SearchState


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
