"""Telling a trace what was chosen, for searches that keep K sentences an image.

B images, K sentences an image, X candidates of an image.
"""

from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor

from captioner.search.trace import Candidate, SearchTrace, TraceEvent
from captioner.vocabulary import EOS

if TYPE_CHECKING:
    from captioner.search.state import BeamState


class Options(NamedTuple):
    """Everything that could be chosen from; what is impossible has the score -inf."""

    parents_BX: Tensor  # places among the sentences under way
    words_BX: Tensor
    log_probs_BX: Tensor
    penalties_BX: Tensor
    scores_BX: Tensor


class BeamTracer:
    """Gives every sentence under way a number and reports each choice as an `TraceEvent`."""

    def __init__(self, trace: SearchTrace, num_groups: int) -> None:
        self._trace = trace
        self._num_groups = num_groups
        self._numbers: dict[int, list[int]] = {}  # image -> the number of each of its sentences
        self._next: dict[int, list[int]] = {}
        self._last: dict[int, int] = {}

    def choice(self, beams: "BeamState", group: int, options: Options, chosen_BK: Tensor) -> None:
        """One group chose, in every image. `chosen_BK` are places among the options."""
        before_BX = beams.log_probs_BK.gather(1, options.parents_BX)
        for b, image in enumerate(beams.images_B.tolist()):
            numbers = self._numbers.get(image, [0] * beams.scores_BK.shape[1])
            finished = beams.finished_BK[b].tolist()
            rows = zip(*(leaf[b].tolist() for leaf in (*options, before_BX)), strict=True)
            kept = {place: rank for rank, place in enumerate(chosen_BK[b].tolist())}
            taken = [0] * len(kept)
            candidates = []
            for place, (parent, word, log_prob, penalty, score, before) in enumerate(rows):
                node = None
                if place in kept:
                    node = numbers[parent] if finished[parent] else self._number(image)
                    taken[kept[place]] = node
                if score > float("-inf"):
                    candidates.append(
                        Candidate(
                            numbers[parent],
                            node,
                            word,
                            log_prob,
                            before + log_prob,
                            penalty,
                            score,
                            word == EOS,
                        )
                    )
            self._trace.add(TraceEvent(image, beams.tokens_BKT.shape[2], group, candidates))
            self._next.setdefault(image, []).extend(taken)
            if group == self._num_groups - 1:
                self._numbers[image] = self._next.pop(image)

    def _number(self, image: int) -> int:
        self._last[image] = self._last.get(image, 0) + 1
        return self._last[image]
