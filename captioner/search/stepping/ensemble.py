"""Several models decoded as one.      N rows, L locations, V vocabulary."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from captioner.decoders.base import DecoderStart, DecoderStep
from captioner.errors import UserError
from captioner.search.stepping.policy import StepModel
from captioner.tree import Tree


class Ensemble:
    """The mean of the members' probabilities at every word; searched like a decoder.

    `start` takes a tuple of features, one for each member, since encoders may differ; or one features_BLF for
    all. The vocabulary is common. Where all members attend to equally many locations, the ensemble's
    attention is the mean of theirs.

    Args:
        members: decoders, or ensembles.

    Raises:
        UserError: there are none.
    """

    def __init__(self, members: Sequence[StepModel]) -> None:
        if not members:
            raise UserError("An ensemble needs one model or more.")
        self.members = tuple(members)

    def start(self, features: Tree) -> DecoderStart:
        """Return the members' memories and states, side by side."""
        given = (features,) * len(self.members) if isinstance(features, Tensor) else features
        started = [member.start(own) for member, own in zip(self.members, given, strict=True)]
        return DecoderStart(tuple(one.memory for one in started), tuple(one.state for one in started))

    def step(self, tokens_N: Tensor, state: Tree, memory: Tree) -> DecoderStep:
        """Compute the logarithm of the mean probability.

        Args:
            tokens_N: the words, K rows for each of the B images.
            state: of each member.
            memory: of each member.

        Returns:
            Log-probabilities as logits, the members' states, and their mean attention weights.
        """
        steps = [
            member.step(tokens_N, own, its)
            for member, own, its in zip(self.members, state, memory, strict=True)
        ]
        log_p_MNV = torch.stack([one.logits_NV.float().log_softmax(dim=-1) for one in steps])
        logits_NV = log_p_MNV.logsumexp(dim=0) - math.log(len(steps))
        return DecoderStep(logits_NV, tuple(one.state for one in steps), _mean_alphas(steps))


def _mean_alphas(steps: Sequence[DecoderStep]) -> Tensor | None:
    alphas = [one.alphas_NL for one in steps if one.alphas_NL is not None]
    if len(alphas) < len(steps) or len({a_NL.shape for a_NL in alphas}) > 1:
        return None
    return torch.stack(alphas).mean(dim=0)
