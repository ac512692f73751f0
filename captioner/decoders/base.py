"""The interface of every decoder: `start` and `step`.

B images, K rows an image, N = B*K rows (row n belongs to image n // K), T time, M scored positions (where the
mask is true), L locations, F feature, V vocabulary.

Teacher forcing, search and likelihood all use four methods that a decoder writes. `embed` is one product for
all words of all captions, and `logits` is one for all scored positions; only `recurrent_step` runs word by
word.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from captioner.registry import Registry
from captioner.tree import Tree, first_rows, repeat_rows


class DecoderStart(NamedTuple):
    """The constants of each image and the state of its row, before the first word."""

    memory: Tree  # leaves (B, ...)
    state: Tree  # leaves (B, ...), one row an image


class StepOutput(NamedTuple):
    """Output and state of the recurrence after one more word."""

    output: tuple[Tensor, ...]  # the input of `logits`, leaves (N, ...), h_NH the first
    state: Tree
    alphas_NL: Tensor | None = None


class DecoderStep(NamedTuple):
    """Logits of the next word, and the state after the word before it."""

    logits_NV: Tensor
    state: Tree
    alphas_NL: Tensor | None = None  # attention weights, if the decoder has_attention


class Unrolled(NamedTuple):
    """Results of `embed` and `recurrent_step` at the scored positions of whole sentences, row by row."""

    embedded: tuple[Tensor, ...]  # leaves (M, ...)
    output: tuple[Tensor, ...]
    alphas_NTL: Tensor | None  # zero where the mask is false


class TeacherForced(NamedTuple):
    """Logits of whole captions under teacher forcing."""

    logits_MV: Tensor  # at the scored positions, row by row
    alphas_NTL: Tensor | None  # zero where the mask is false


class Decoder(nn.Module, ABC):
    """A distribution over sentences given the features of an image. Subclasses are final.

    State and memory are values: nested tuples of tensors, batch first in every leaf. Nothing is stored
    between calls, so search may reorder, fork and undo.

    Attributes:
        uses_image: whether the logits depend on the features.
        has_attention: whether steps return attention weights.
        has_hard_attention: whether it can attend to one location alone: its `attention` is an
            `AdditiveAttention`.
        vocab_size: V.
    """

    uses_image: ClassVar[bool] = True
    has_attention: ClassVar[bool] = False
    has_hard_attention: ClassVar[bool] = False
    vocab_size: int

    @abstractmethod
    def start(self, features_BLF: Tensor) -> DecoderStart:
        """Compute memory and state before the first word."""

    @abstractmethod
    def embed(self, tokens: Tensor) -> tuple[Tensor, ...]:
        """Compute all that depends on the words alone: (...,) integers to leaves (..., *)."""

    @abstractmethod
    def recurrent_step(self, embedded: tuple[Tensor, ...], state: Tree, memory: Tree) -> StepOutput:
        """Run the recurrence for one word.

        Args:
            embedded: one embedded word a row, leaves (N, ...).
            state: of N rows.
            memory: of B images, N a multiple of B.

        Returns:
            Output, new state and attention weights.
        """

    @abstractmethod
    def logits(self, embedded: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> Tensor:
        """Compute logits_MV of the next word at any M positions, from their `embed` and `recurrent_step`."""

    def word_rows(self) -> dict[str, int]:
        """Name the tensors of the state dict with one row a word, each with the word number of its first row.

        With them a model can start from one that was trained with another vocabulary.
        """
        return {}

    def step(self, tokens_N: Tensor, state: Tree, memory: Tree) -> DecoderStep:
        """Take one word in every row, and compute the logits of the next one.

        Args:
            tokens_N: word numbers.
            state: of N rows.
            memory: of B images, N a multiple of B.

        Returns:
            Logits, new state and attention weights.
        """
        embedded = self.embed(tokens_N)
        output, state, alphas_NL = self.recurrent_step(embedded, state, memory)
        return DecoderStep(self.logits(embedded, output), state, alphas_NL)

    def forward(self, features_BLF: Tensor, tokens_BKT: Tensor, mask_BKT: Tensor) -> TeacherForced:
        """Compute logits under teacher forcing.

        Args:
            features_BLF: encoded images.
            tokens_BKT: the words that are fed, <bos> the first.
            mask_BKT: true where the next word is to be scored.

        Returns:
            logits_MV row by row, and attention weights.
        """
        embedded, output, alphas_NTL = self.unroll_hidden(features_BLF, tokens_BKT, mask_BKT)
        return TeacherForced(self.logits(embedded, output), alphas_NTL)

    def unroll_hidden(self, features_BLF: Tensor, tokens_BKT: Tensor, mask_BKT: Tensor) -> Unrolled:
        """Feed whole sentences, and keep embeddings and outputs at the scored positions.

        The mask of a row is false after its end, and at a question that comes first, which is fed but not
        scored. This is cheapest when images are sorted by their longest caption, the longest first: the
        recurrence leaves out images whose rows have all ended.

        Args:
            features_BLF: encoded images.
            tokens_BKT: the words that are fed, <bos> the first.
            mask_BKT: true where the next word is to be scored.

        Returns:
            Embeddings, outputs and attention weights.
        """
        memory, state = self.start(features_BLF)
        embedded = self.embed(tokens_BKT.flatten(0, 1))
        state = repeat_rows(state, tokens_BKT.shape[1])
        output, alphas_NTL = self.unroll(embedded, state, memory, mask_BKT)
        mask_NT = mask_BKT.flatten(0, 1)
        return Unrolled(tuple(leaf[mask_NT] for leaf in embedded), output, alphas_NTL)

    def share_gradients(self, memory: Tree) -> Tree:
        """Return memory that many steps read, the steps of fewer and fewer of the first images.

        Args:
            memory: from `start`.

        Returns:
            The same, with one sum of gradients for all steps where the decoder has such.
        """
        return memory

    def unroll(
        self, embedded: tuple[Tensor, ...], state: Tree, memory: Tree, mask_BKT: Tensor
    ) -> tuple[tuple[Tensor, ...], Tensor | None]:
        """Run `recurrent_step` through time.

        Args:
            embedded: all embedded words, leaves (N, T, ...).
            state: of N rows, before the first word.
            memory: of B images.
            mask_BKT: true where the next word is to be scored.

        Returns:
            Outputs at the scored positions, leaves (M, ...), and alphas_NTL or None.
        """
        B, K, _ = mask_BKT.shape
        memory = self.share_gradients(memory)
        steps: list[StepOutput] = []
        embedded_by_time = [leaf.unbind(dim=1) for leaf in embedded]
        for t, images in enumerate(_active_images(mask_BKT)):
            if images < B:
                memory, state = first_rows(memory, images), first_rows(state, images * K)
                B = images
            steps.append(
                self.recurrent_step(tuple(leaf[t][: B * K] for leaf in embedded_by_time), state, memory)
            )
            state = steps[-1].state
        rows_M, times_M = mask_BKT.flatten(0, 1).nonzero(as_tuple=True)
        starts_T = torch.tensor([0, *(len(s.output[0]) for s in steps)], device=rows_M.device).cumsum(0)
        outputs = tuple(
            torch.cat(leaf)[starts_T[times_M] + rows_M]
            for leaf in zip(*(s.output for s in steps), strict=True)
        )
        alphas = [s.alphas_NL for s in steps if s.alphas_NL is not None]
        return outputs, _stack_padded(alphas, mask_BKT) if alphas else None


def _active_images(mask_BKT: Tensor) -> list[int]:
    """For each time until all rows have ended: how many of the first images are still needed."""
    number_B1 = torch.arange(1, len(mask_BKT) + 1, device=mask_BKT.device).unsqueeze(1)
    last_scored_T = (mask_BKT.any(dim=1) * number_B1).amax(dim=0)
    numbers: list[int] = last_scored_T.flip(0).cummax(dim=0).values.flip(0).tolist()  # at t or later
    return numbers[: numbers.index(0)] if 0 in numbers else numbers


def _stack_padded(alphas: list[Tensor], mask_BKT: Tensor) -> Tensor:
    """Stack alphas_NTL from steps with fewer and fewer rows; zero where the mask is false."""
    B, K, T = mask_BKT.shape
    padded = [F.pad(a_NL, (0, 0, 0, B * K - len(a_NL))) for a_NL in alphas]
    alphas_NTL = F.pad(torch.stack(padded, dim=1), (0, 0, 0, T - len(alphas)))
    return alphas_NTL * mask_BKT.flatten(0, 1).unsqueeze(-1)


DECODERS: Registry[Decoder] = Registry("decoder", "captioner.decoders")
FACTS = ("feature_dim", "num_locations", "vocab_size", "endless")
"""Constructor arguments supplied at build time."""
