"""Stop a search from outside.      N rows."""

from collections.abc import Callable

from torch import Tensor

from captioner.decoders.base import DecoderStart, DecoderStep
from captioner.search.stepping.policy import StepModel
from captioner.tree import Tree


class Interruptible:
    """A model for a search that can be stopped before every word.

    Args:
        model: a decoder, or an ensemble.
        check: called before every step; an error that it raises ends the search.
    """

    def __init__(self, model: StepModel, check: Callable[[], None]) -> None:
        self.model = model
        self.check = check

    def start(self, features: Tree) -> DecoderStart:
        """Return memory and state before the first word."""
        return self.model.start(features)

    def step(self, tokens_N: Tensor, state: Tree, memory: Tree) -> DecoderStep:
        """Check whether to go on, then read one word in every row.

        Args:
            tokens_N: the words.
            state: from `start` or `step`.
            memory: from `start`.

        Returns:
            Logits, state and attention weights of the model.
        """
        self.check()
        return self.model.step(tokens_N, state, memory)
