"""The two sides of a search: the model that scores words, and the policy that chooses among them.

B images, K sentences an image, N = B*K rows, V vocabulary.
"""

from abc import ABC, abstractmethod
from typing import Any, Protocol

import torch
from torch import Tensor

from captioner.decoders.base import DecoderStart, DecoderStep
from captioner.device import rows_at_once
from captioner.errors import UserError
from captioner.search.stepping.beam_state import BeamState, GroupChoice, Selection
from captioner.search.stepping.image_rng import ImageRNG
from captioner.tree import Tree


class StepModel(Protocol):
    """A model that a search can use: a `Decoder`, or an `Ensemble`."""

    def start(self, features: Any, /) -> DecoderStart:
        """Return memory and state before the first word."""

    def step(self, tokens_N: Tensor, state: Tree, memory: Tree, /) -> DecoderStep:
        """Read one word in every row, and score the next ones.

        Args:
            tokens_N: the words, K rows for each of the B images of `memory`.
            state: from `start` or `step`, one row per word.
            memory: from `start`.

        Returns:
            Logits of the next words, the state after these, and attention weights if there are any.
        """


class Policy(ABC):
    """The rule by which a search chooses. It holds options and no state."""

    num_groups = 1
    first_rows = 1  # sentences that an image starts with
    independent = False  # whether sentences do not compete: each continues itself

    def start_rng(self, features: Tree) -> ImageRNG | None:
        """Return the random state of each image, for a policy that draws."""
        return None

    @abstractmethod
    def choose(
        self,
        beams: BeamState,
        logits_NV: Tensor,
        normaliser_N1: Tensor,
        rng: ImageRNG | None,
        choices: list[GroupChoice] | None,
    ) -> Selection:
        """Choose the next words.

        Args:
            beams: the sentences so far.
            logits_NV: of their next words; -inf for words that are forbidden.
            normaliser_N1: to be subtracted from the logits for log-probabilities.
            rng: random state of the images; drawing changes it.
            choices: gets what every group chose from, where somebody wants to know.

        Returns:
            The sentences one word later.
        """

    @abstractmethod
    def is_done(self, beams: BeamState) -> Tensor:
        """Return done_B: whether more words cannot change the answer."""


def normaliser(logits_NV: Tensor) -> Tensor:
    """Compute normaliser_N1, to be subtracted from logits for log-probabilities."""
    parts = torch.split(logits_NV, rows_at_once(logits_NV.shape[1], logits_NV.device))
    return torch.cat([part.logsumexp(dim=-1, keepdim=True) for part in parts])


def check_scores(normaliser_N1: Tensor, scores_BK: Tensor, length: int) -> None:
    """Refuse scores that are not finite, or of which none is possible.

    Args:
        normaliser_N1: of the model's logits.
        scores_BK: of the sentences that were chosen.
        length: number of the word, for the message.

    Raises:
        UserError: says which of the two it is.
    """
    possible = (scores_BK > -torch.inf).any(dim=1).all()
    if not (normaliser_N1.isfinite().all() & possible):
        if not normaliser_N1.isfinite().all():
            raise UserError(
                f"The model's scores for word {length} are not numbers (NaN or infinite): its weights are "
                "broken, or the picture's features are."
            )
        raise UserError(f"The constraints leave no word to say at place {length}.")
