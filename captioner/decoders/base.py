"""What every decoder is: `start` and `step`.

B images, K rows an image, N = B*K rows (row n belongs to image n // K), T time, M positions that count,
L locations, F feature, V vocabulary.

Teacher forcing, search and likelihood all stand on four parts that a decoder writes. Each part is work that
can be lifted out of time as a whole: `embed` is one product for all words of all captions, `logits` one for
all positions that count; only `recurrent_step` is done word by word.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from captioner.registry import Registry
from captioner.tree import Tree, first_rows, repeat_rows


class DecoderStart(NamedTuple):
    """Before the first word: what stays the same for an image, and the state of its row."""

    memory: Tree  # leaves (B, ...)
    state: Tree  # leaves (B, ...), one row an image


class StepOutput(NamedTuple):
    """The recurrence after one more word."""

    output: tuple[Tensor, ...]  # what `logits` needs of this moment, leaves (N, ...), h_NH the first
    state: Tree
    alphas_NL: Tensor | None = None


class DecoderStep(NamedTuple):
    """One word read, the next one scored."""

    logits_NV: Tensor
    state: Tree
    alphas_NL: Tensor | None = None  # where the decoder looked, if it uses_image


class Unrolled(NamedTuple):
    """Whole sentences read: what `embed` and `recurrent_step` gave at the positions that count, row by row."""

    embedded: tuple[Tensor, ...]  # leaves (M, ...)
    output: tuple[Tensor, ...]
    alphas_NTL: Tensor | None  # zero where nothing counts


class TeacherForced(NamedTuple):
    """Teacher forcing over whole captions."""

    logits_MV: Tensor  # at the positions that count, row by row
    alphas_NTL: Tensor | None  # zero where nothing counts


class Decoder(nn.Module, ABC):
    """Features of an image to a distribution over sentences. Subclasses are final.

    State and memory are values: nested tuples of tensors, batch first in every leaf. Nothing is stored
    between calls, so search may reorder, fork and undo.
    """

    uses_image: ClassVar[bool] = True
    has_attention: ClassVar[bool] = False
    vocab_size: int

    @abstractmethod
    def start(self, features_BLF: Tensor) -> DecoderStart:
        """Memory and state before the first word."""

    @abstractmethod
    def embed(self, tokens: Tensor) -> tuple[Tensor, ...]:
        """All that depends on the words alone: (...,) integers to leaves (..., *)."""

    @abstractmethod
    def recurrent_step(self, embedded: tuple[Tensor, ...], state: Tree, memory: Tree) -> StepOutput:
        """The recurrence: one embedded word for each of N rows, N a multiple of the B images of `memory`."""

    @abstractmethod
    def logits(self, embedded: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> Tensor:
        """logits_MV of the next word at any M positions, from what `embed` and `recurrent_step` gave there."""

    def step(self, tokens_N: Tensor, state: Tree, memory: Tree) -> DecoderStep:
        """Read one word in every row; score the next ones."""
        embedded = self.embed(tokens_N)
        output, state, alphas_NL = self.recurrent_step(embedded, state, memory)
        return DecoderStep(self.logits(embedded, output), state, alphas_NL)

    def forward(self, features_BLF: Tensor, tokens_BKT: Tensor, mask_BKT: Tensor) -> TeacherForced:
        """Teacher forcing: feed the words `tokens_BKT`, score the next word where `mask_BKT` is true."""
        embedded, output, alphas_NTL = self.unroll_hidden(features_BLF, tokens_BKT, mask_BKT)
        return TeacherForced(self.logits(embedded, output), alphas_NTL)

    def unroll_hidden(self, features_BLF: Tensor, tokens_BKT: Tensor, mask_BKT: Tensor) -> Unrolled:
        """Read the words `tokens_BKT`, and keep what came of them where `mask_BKT` is true.

        Each row counts up to some time and not after it, and a question that is only read not before it.
        Cheapest when images come with the longest captions first: an image whose rows have all ended is
        computed no further.
        """
        memory, state = self.start(features_BLF)
        embedded = self.embed(tokens_BKT.flatten(0, 1))
        state = repeat_rows(state, tokens_BKT.shape[1])
        output, alphas_NTL = self.unroll(embedded, state, memory, mask_BKT)
        mask_NT = mask_BKT.flatten(0, 1)
        return Unrolled(tuple(leaf[mask_NT] for leaf in embedded), output, alphas_NTL)

    def unroll(
        self, embedded: tuple[Tensor, ...], state: Tree, memory: Tree, mask_BKT: Tensor
    ) -> tuple[tuple[Tensor, ...], Tensor | None]:
        """`recurrent_step` through time: outputs at the positions that count, leaves (M, ...), and alphas_NTL."""
        B, K, _ = mask_BKT.shape
        steps: list[StepOutput] = []
        now = [leaf.unbind(dim=1) for leaf in embedded]
        for t, images in enumerate(_images_under_way(mask_BKT)):
            if images < B:
                memory, state = first_rows(memory, images), first_rows(state, images * K)
                B = images
            steps.append(self.recurrent_step(tuple(leaf[t][: B * K] for leaf in now), state, memory))
            state = steps[-1].state
        rows_M, times_M = mask_BKT.flatten(0, 1).nonzero(as_tuple=True)
        starts_T = torch.tensor([0, *(len(s.output[0]) for s in steps)], device=rows_M.device).cumsum(0)
        outputs = tuple(
            torch.cat(leaf)[starts_T[times_M] + rows_M]
            for leaf in zip(*(s.output for s in steps), strict=True)
        )
        alphas = [s.alphas_NL for s in steps if s.alphas_NL is not None]
        return outputs, _stack_padded(alphas, mask_BKT) if alphas else None


def _images_under_way(mask_BKT: Tensor) -> list[int]:
    """For each time until all rows have ended: how many of the first images must still be computed."""
    number_B1 = torch.arange(1, len(mask_BKT) + 1, device=mask_BKT.device).unsqueeze(1)
    counting_T = (mask_BKT.any(dim=1) * number_B1).amax(dim=0)
    numbers: list[int] = counting_T.flip(0).cummax(dim=0).values.flip(0).tolist()  # or will be, later on
    return numbers[: numbers.index(0)] if 0 in numbers else numbers


def _stack_padded(alphas: list[Tensor], mask_BKT: Tensor) -> Tensor:
    """alphas_NTL from steps with fewer and fewer rows; zero where nothing counts."""
    B, K, T = mask_BKT.shape
    padded = [F.pad(a_NL, (0, 0, 0, B * K - len(a_NL))) for a_NL in alphas]
    alphas_NTL = F.pad(torch.stack(padded, dim=1), (0, 0, 0, T - len(alphas)))
    return alphas_NTL * mask_BKT.flatten(0, 1).unsqueeze(-1)


DECODERS: Registry[Decoder] = Registry("decoder", "captioner.decoders")
FACTS = ("feature_dim", "num_locations", "vocab_size", "endless")
"""What data and encoder tell a decoder, and a config may not say."""


def decoder_class(config: Mapping[str, Any]) -> type[Decoder]:
    """The class of the decoder that a config names.

    Raises:
        UserError: there is no such decoder.
    """
    found = DECODERS[config["name"]]
    assert isinstance(found, type)
    return found
