"""Start a language model from a prompt, and score text with it.

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
    """The token and state that texts follow, saved with the weights.

    Args:
        decoder: the language model, for the shape of its state.
        token: what is read first, before training has set another one.
    """

    token: Tensor

    def __init__(self, decoder: LanguageModel, token: int) -> None:
        super().__init__()
        self.register_buffer("token", torch.tensor(token))
        for i, leaf in enumerate(decoder.start(no_image(decoder, 1)).state):
            self.register_buffer(f"state_{i}", leaf.detach().clone())

    @property
    def state(self) -> State:
        """The state, of one row."""
        return tuple(leaf for name, leaf in self.named_buffers() if name.startswith("state_"))

    def keep(self, token: Tensor, state: State) -> None:
        """Replace the token and the state; of the state the first row is taken."""
        for kept, new in zip(self.buffers(), (token, *(leaf[:1] for leaf in state)), strict=True):
            kept.copy_(new)


class PromptedLM:
    """A language model at the start of a text, with the interface that searches take.

    Args:
        decoder: the model.
        token: what the text follows; it is read in place of <bos>.
        state: the state after everything before that token, of one row; zero by default.
    """

    def __init__(self, decoder: LanguageModel, token: int, state: State | None = None) -> None:
        self.decoder = decoder
        self.token = token
        self.state = state

    def start(self, features_BLF: Tensor) -> DecoderStart:
        """Return memory and state before the first token."""
        started = self.decoder.start(features_BLF)
        if self.state is None:
            return started
        return started._replace(state=repeat_rows(self.state, len(features_BLF)))

    def step(self, tokens_N: Tensor, state: Tree, memory: Tree) -> DecoderStep:
        """Read one token in every row and score the next ones.

        Args:
            tokens_N: what is read.
            state: the state before it.
            memory: as `start` returned it.

        Returns:
            logits_NV and the new state.
        """
        return self.decoder.step(tokens_N.masked_fill(tokens_N == BOS, self.token), state, memory)


def no_image(decoder: LanguageModel, num_rows: int) -> Tensor:
    """Return features_BLF with L = 0, which a language model ignores."""
    return decoder.output.weight.new_zeros(num_rows, 0, 0)


@torch.inference_mode()
def nll(prompted: PromptedLM, tokens_NT: Tensor, progress: Any = iter) -> Tensor:
    """Score texts, each row from the prompt's state to its end.

    Args:
        prompted: the model.
        tokens_NT: texts, filled up with PAD.
        progress: wraps the sequence of chunks, for a progress bar.

    Returns:
        nats_NT: -log p of every token but the first; 0 where it is PAD.
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
    """Score the next token at every time.

    Args:
        decoder: the model.
        outputs_NTH: its outputs.
        targets_NT: the tokens that follow.

    Returns:
        nats_NT: -log p of the targets; 0 where one is PAD.
    """
    logits_MV = decoder.logits((), (outputs_NTH.flatten(0, 1),))
    nats_M = F.cross_entropy(logits_MV, targets_NT.flatten(), ignore_index=PAD, reduction="none")
    return nats_M.view_as(targets_NT)


def detach_state(state: Tree) -> Tree:
    """Return the same values without a gradient."""
    return map_tree(lambda leaf: leaf.detach(), state)
