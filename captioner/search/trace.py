"""Events of a search, for whoever wants to follow it."""

from typing import NamedTuple


class Candidate(NamedTuple):
    """A word that could come next, and whether it was kept.

    Nodes are numbered per image: 0 is <bos>, and a kept candidate gets a number of its own. A finished
    sentence that keeps its place has itself as parent.
    """

    parent: int
    node: int | None  # None where it was dropped
    token: int
    log_prob: float  # of this word
    total: float  # log-probability of the sentence up to it
    penalty: float  # subtracted for the words of other groups
    score: float  # what it was ranked by
    finished: bool
    beam: int = 0  # the place of the parent among the sentences of its image

    @property
    def kept(self) -> bool:
        """Whether the search went on with it."""
        return self.node is not None


class TraceEvent(NamedTuple):
    """One choice: the candidates of group `group` of image `image` for word number `time`."""

    image: int
    time: int  # from 1
    group: int
    candidates: list[Candidate]


class SearchTrace:
    """Collects the events of a search."""

    def __init__(self) -> None:
        self.events: list[TraceEvent] = []

    def add(self, event: TraceEvent) -> None:
        """Append an event."""
        self.events.append(event)

    def of_image(self, image: int) -> list[TraceEvent]:
        """Return the events of one image, in order."""
        return [event for event in self.events if event.image == image]
