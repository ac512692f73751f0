"""Text that a language model writes or reads, character after character, without end.

N streams, T time, V vocabulary.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from captioner.decoders.base import Started, Step
from captioner.decoders.language_model import LanguageModel
from captioner.search.sampling import Sharpening
from captioner.tree import Tree, map_tree
from captioner.vocabulary import BOS, PAD

Choose = Callable[[Tensor], Tensor]
"""logits_NV to the next tokens_N."""

CHUNK = 1000


class Draw:
    """Draws the next character from a sharpened distribution; the same seed draws the same text."""

    def __init__(self, sharpening: Sharpening, seed: int | None = None) -> None:
        self.sharpening = sharpening
        self.chance = torch.Generator()
        if seed is None:
            self.chance.seed()
        else:
            self.chance.manual_seed(seed)

    def __call__(self, logits_NV: Tensor) -> Tensor:
        """See `Choose`."""
        drawn_from_NV = self.sharpening(logits_NV.float()).exp()
        drawn_N = torch.multinomial(drawn_from_NV.cpu(), 1, generator=self.chance).squeeze(1)
        return drawn_N.to(logits_NV.device)


def most_probable(logits_NV: Tensor) -> Tensor:
    """No drawing. See `Choose`."""
    return logits_NV.argmax(dim=1)


class Continued:
    """A language model that has read a prompt: any search starts from there, as it does from a picture."""

    def __init__(self, decoder: LanguageModel, prompt_T: Tensor) -> None:
        self.decoder = decoder
        self.prompt_T = prompt_T

    def start(self, features_BLF: Tensor) -> Started:
        """The state before the prompt's last character."""
        memory, state = self.decoder.start(features_BLF)
        if len(self.prompt_T) > 1:
            before_BT = self.prompt_T[:-1].expand(len(features_BLF), -1)
            state = self.decoder.read(before_BT, state).state
        return Started(memory, state)

    def step(self, tokens_N: Tensor, state: Tree, memory: Tree) -> Step:
        """Read one character in every row; the first is the prompt's last."""
        return self.decoder.step(torch.where(tokens_N == BOS, self.prompt_T[-1], tokens_N), state, memory)


def nothing_shown(decoder: LanguageModel, num_rows: int) -> Tensor:
    """features_BLF with L = 0."""
    return decoder.output.weight.new_zeros(num_rows, 0, 0)


@torch.inference_mode()
def write(decoder: LanguageModel, prompt_T: Tensor, num_streams: int, choose: Choose) -> Iterator[Tensor]:
    """tokens_N that go on from the prompt in each of N streams, for ever."""
    model = Continued(decoder, prompt_T)
    memory, state = model.start(nothing_shown(decoder, num_streams))
    tokens_N = prompt_T.new_full((num_streams,), BOS)
    while True:
        logits_NV, state, _ = model.step(tokens_N, state, memory)
        tokens_N = choose(logits_NV)
        yield tokens_N


@torch.inference_mode()
def surprise(decoder: LanguageModel, tokens_NT: Tensor, progress: Any = iter) -> Tensor:
    """nats_NT: -log p of every character but the first, each row read from a zero state to its end.

    0 where it is PAD. `progress` wraps the sequence of chunks, for a bar.
    """
    _, state = decoder.start(nothing_shown(decoder, len(tokens_NT)))
    nats = []
    for begin in progress(range(0, tokens_NT.shape[1] - 1, CHUNK)):
        chunk_NT = tokens_NT[:, begin : begin + CHUNK + 1]
        outputs_NTH, state = decoder.read(chunk_NT[:, :-1], state)
        nats.append(next_surprise(decoder, outputs_NTH, chunk_NT[:, 1:]))
    return torch.cat(nats, dim=1)


def next_surprise(decoder: LanguageModel, outputs_NTH: Tensor, targets_NT: Tensor) -> Tensor:
    """nats_NT of the targets, 0 where one is PAD."""
    logits_MV = decoder.predict((), (outputs_NTH.flatten(0, 1),))
    nats_M = F.cross_entropy(logits_MV, targets_NT.flatten(), ignore_index=PAD, reduction="none")
    return nats_M.view_as(targets_NT)


def detached(state: Tree) -> Tree:
    """The same values, through which no gradient flows."""
    return map_tree(lambda leaf: leaf.detach(), state)
