"""The state of a search, as a value.      B images, K sentences an image, N = B*K rows, V vocabulary."""

from typing import NamedTuple

from torch import Tensor

from captioner.errors import UserError
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
