"""What a search tells of itself, for whoever wants to tracer."""

from typing import NamedTuple


class Candidate(NamedTuple):
    """A word that could have come next, and what became of it.

    Nodes are numbered: 0 is <bos>, and a kept candidate gets a number of its own. A finished sentence that
    keeps its place has itself as parent.
    """

    parent: int
    node: int | None  # None where it was dropped
    token: int
    log_prob: float  # of this word
    total: float  # log-probability of the sentence up to it
    penalty: float  # what was taken off for what other groups say
    score: float  # what it was ranked by
    finished: bool

    @property
    def kept(self) -> bool:
        """Whether the search went on with it."""
        return self.node is not None


class TraceEvent(NamedTuple):
    """One choice: what group `group` of image `image` could say as word number `time`."""

    image: int
    time: int  # from 1
    group: int
    candidates: list[Candidate]


class SearchTrace:
    """Collects the events of a search."""

    def __init__(self) -> None:
        self.events: list[TraceEvent] = []

    def add(self, event: TraceEvent) -> None:
        """Remember one more."""
        self.events.append(event)

    def of_image(self, image: int) -> list[TraceEvent]:
        """What happened to one image, in order."""
        return [event for event in self.events if event.image == image]
