"""Text that a language model writes or reads, character after character, without end.

N rows, T time, L locations, F feature.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from captioner.cells.base import State
from captioner.decoders.base import DecoderStart, DecoderStep
from captioner.decoders.language_model import LanguageModel
from captioner.tree import Tree, map_tree, repeat_rows
from captioner.vocabulary import BOS, PAD

CHUNK = 1000


class PromptState(nn.Module):
    """What texts follow, kept with the weights: a character, and what is remembered of all before it."""

    token: Tensor

    def __init__(self, decoder: LanguageModel, token: int) -> None:
        super().__init__()
        self.register_buffer("token", torch.tensor(token))
        for i, leaf in enumerate(decoder.start(no_image(decoder, 1)).state):
            self.register_buffer(f"state_{i}", leaf.detach().clone())

    @property
    def state(self) -> State:
        """In one row."""
        return tuple(leaf for name, leaf in self.named_buffers() if name.startswith("state_"))

    def keep(self, token: Tensor, state: State) -> None:
        """Put the character and the first row of the state in place of what was kept."""
        for kept, new in zip(self.buffers(), (token, *(leaf[:1] for leaf in state)), strict=True):
            kept.copy_(new)


class PromptedLM:
    """A language model at the start of a text: any search reads it out, as if it had seen a picture.

    Args:
        decoder: the model.
        prompt_state: what a text is taken to follow.
        state: what the model remembers of all before that, in one row; nothing by default.
    """

    def __init__(self, decoder: LanguageModel, prompt_state: int, state: State | None = None) -> None:
        self.decoder = decoder
        self.prompt_state = prompt_state
        self.state = state

    def start(self, features_BLF: Tensor) -> DecoderStart:
        """Nothing read yet but what the state tells of."""
        started = self.decoder.start(features_BLF)
        if self.state is None:
            return started
        return started._replace(state=repeat_rows(self.state, len(features_BLF)))

    def step(self, tokens_N: Tensor, state: Tree, memory: Tree) -> DecoderStep:
        """Read one character in every row."""
        return self.decoder.step(tokens_N.masked_fill(tokens_N == BOS, self.prompt_state), state, memory)


def no_image(decoder: LanguageModel, num_rows: int) -> Tensor:
    """features_BLF with L = 0."""
    return decoder.output.weight.new_zeros(num_rows, 0, 0)


@torch.inference_mode()
def nll(prompted: PromptedLM, tokens_NT: Tensor, progress: Any = iter) -> Tensor:
    """nats_NT: -log p of every character but the first, each row read from the prompt_state's state to its end.

    0 where it is PAD. `progress` wraps the sequence of chunks, for a bar.
    """
    decoder = prompted.decoder
    _, state = prompted.start(no_image(decoder, len(tokens_NT)))
    nats = []
    for begin in progress(range(0, tokens_NT.shape[1] - 1, CHUNK)):
        chunk_NT = tokens_NT[:, begin : begin + CHUNK + 1]
        outputs_NTH, state = decoder.read(chunk_NT[:, :-1], state)
        nats.append(next_token_nll(decoder, outputs_NTH, chunk_NT[:, 1:]))
    return torch.cat(nats, dim=1)


def next_token_nll(decoder: LanguageModel, outputs_NTH: Tensor, targets_NT: Tensor) -> Tensor:
    """nats_NT of the targets, 0 where one is PAD."""
    logits_MV = decoder.logits((), (outputs_NTH.flatten(0, 1),))
    nats_M = F.cross_entropy(logits_MV, targets_NT.flatten(), ignore_index=PAD, reduction="none")
    return nats_M.view_as(targets_NT)


def detach_state(state: Tree) -> Tree:
    """The same values, through which no gradient flows."""
    return map_tree(lambda leaf: leaf.detach(), state)
