"""Hard attention in a search: a model that attends to one location at every word.

B images, N rows, L locations.
"""

from typing import Any

import torch
from torch import Tensor

from captioner.attention.mode import AttentionMode
from captioner.attention.selection import SELECTIONS, location_at, with_selection
from captioner.decoders.base import Decoder, DecoderStart, DecoderStep
from captioner.errors import UserError
from captioner.search.stepping.ensemble import Ensemble
from captioner.search.stepping.image_rng import checksums
from captioner.search.stepping.interruptible import Interruptible
from captioner.search.stepping.policy import StepModel
from captioner.tree import Tree, first_leaf


def attend_as(model: StepModel, mode: AttentionMode | None, seed: int) -> StepModel:
    """Return the model that a search steps.

    Args:
        model: a decoder, or an ensemble.
        mode: how it makes its context; None: as its config says.
        seed: of the locations that are drawn.

    Returns:
        The model itself where it attends as it is asked to, and draws nothing.

    Raises:
        UserError: the model has no attention that could be hard.
    """
    if isinstance(model, Interruptible):
        return Interruptible(attend_as(model.model, mode, seed), model.check)
    if isinstance(model, Ensemble):
        return Ensemble([attend_as(member, mode, seed) for member in model.members])
    if not isinstance(model, Decoder) or not model.has_hard_attention:
        if mode is None:
            return model
        raise UserError(
            f"search.attention={mode} needs a decoder with attention at every word, such as show_attend_tell."
        )
    own: AttentionMode = model.get_submodule("attention").mode  # type: ignore[assignment]
    mode = mode or own
    if mode == "sample":
        return SampledAttention(model, seed)
    return model if mode == own else with_selection(model, SELECTIONS[mode])


class SampledAttention:
    """A decoder that attends to locations drawn, one a word.

    A draw depends on the image's features, the words so far and the seed, and on nothing beside the image:
    sentences with the same words so far attend alike, and a search may fork and go back.

    Args:
        decoder: has an attention that may be hard.
        seed: other draws.
    """

    def __init__(self, decoder: Decoder, seed: int) -> None:
        self._decoder = decoder
        self._seed = seed

    def start(self, features: Any) -> DecoderStart:
        """Return memory and state before the first word; the state has a key for each row."""
        memory, state = self._decoder.start(features)
        keys = [_signed(hash((self._seed, *marks))) for marks in zip(*checksums(features), strict=True)]
        return DecoderStart(memory, (state, torch.tensor(keys, device=first_leaf(features).device)))

    def step(self, tokens_N: Tensor, state: Tree, memory: Tree) -> DecoderStep:
        """Read one word in every row.

        Args:
            tokens_N: the words.
            state: from `start` or `step`.
            memory: from `start`.

        Returns:
            Logits, state, and the locations attended to, one-hot.
        """
        own, key_N = state
        key_N = _mix(key_N ^ _mix(tokens_N.long() + 1))
        uniform_N = ((key_N >> 11) & (2**52 - 1)).double() / 2**52
        step = with_selection(self._decoder, location_at(uniform_N)).step(tokens_N, own, memory)
        return step._replace(state=(step.state, key_N))


def _mix(key_N: Tensor) -> Tensor:
    """Mix the bits of 64-bit integers, so that near ones go far apart (the finaliser of splitmix64)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        key_N = (key_N ^ (key_N >> shift)) * _signed(factor)
    return key_N ^ (key_N >> 31)


def _signed(number: int) -> int:
    """The number modulo 2^64 as a signed integer."""
    return (number + 2**63) % 2**64 - 2**63
