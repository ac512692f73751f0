"""Choices of a search as events, for searches that keep K sentences an image.

B images, K sentences an image, X candidates of an image.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from captioner.search.stepping.beam_state import BeamState, GroupChoice, Options
from captioner.search.trace import Candidate, TraceEvent
from captioner.vocabulary import EOS


class BeamTracer(NamedTuple):
    """The number of every sentence under way, as a value."""

    nodes: Mapping[int, Sequence[int]]  # image -> the number of each of its sentences
    last: Mapping[int, int]  # image -> the greatest number so far

    @classmethod
    def start(cls, beams: BeamState) -> "BeamTracer":
        """Return the numbers before the first word: every sentence is node 0."""
        images, K = beams.images_B.tolist(), beams.scores_BK.shape[1]
        return cls({image: [0] * K for image in images}, dict.fromkeys(images, 0))

    @classmethod
    def by_place(cls, beams: BeamState) -> "BeamTracer":
        """Return the numbers of a search that was not traced: each sentence's place in its image."""
        images, K = beams.images_B.tolist(), beams.scores_BK.shape[1]
        return cls({image: range(K) for image in images}, dict.fromkeys(images, K - 1))

    def follow(
        self, beams: BeamState, choices: Sequence[GroupChoice]
    ) -> tuple["BeamTracer", tuple[TraceEvent, ...]]:
        """Return the numbers after a choice, and the choice as events.

        Args:
            beams: the sentences before the choice.
            choices: what every group chose from.

        Returns:
            The next tracer, and an event for each group and image.
        """
        nodes: dict[int, list[int]] = {image: [] for image in beams.images_B.tolist()}
        last, events = dict(self.last), []
        for group, choice in enumerate(choices):
            for b, image in enumerate(nodes):
                new = _new_nodes(beams, b, self.nodes[image], choice, last[image])
                last[image] = max(last[image], *new.values())
                nodes[image] += [new[place] for place in choice.chosen_Bk[b].tolist()]
                candidates = _candidates(beams, b, self.nodes[image], choice.options, new)
                events.append(TraceEvent(image, beams.tokens_BKT.shape[2], group, candidates))
        return BeamTracer(nodes, last), tuple(events)


def _new_nodes(
    beams: BeamState, b: int, nodes: Sequence[int], choice: GroupChoice, last: int
) -> dict[int, int]:
    """The numbers of the kept candidates: new ones in order of place, or that of a finished parent."""
    parents, finished = choice.options.parents_BX[b].tolist(), beams.finished_BK[b].tolist()
    new: dict[int, int] = {}
    for place in sorted(choice.chosen_Bk[b].tolist()):
        ended = finished[parents[place]]
        last += not ended
        new[place] = nodes[parents[place]] if ended else last
    return new


def _candidates(
    beams: BeamState, b: int, nodes: Sequence[int], options: Options, new: Mapping[int, int]
) -> list[Candidate]:
    """The possible candidates of one image and group; `new` are the numbers of those that were kept."""
    before_X = beams.log_probs_BK[b].gather(0, options.parents_BX[b])
    columns = [leaf[b].tolist() for leaf in options]
    candidates = []
    for place, (beam, word, log_prob, penalty, score, before) in enumerate(
        zip(*columns, before_X.tolist(), strict=True)
    ):
        if score > float("-inf"):
            total = before + log_prob
            node = new.get(place)
            candidates.append(
                Candidate(nodes[beam], node, word, log_prob, total, penalty, score, word == EOS, beam)
            )
    return candidates
