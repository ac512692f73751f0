"""What searches that draw have in common: what is drawn from, and with which noise.

B images, N rows, k words, V vocabulary.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from captioner.errors import UserError
from captioner.search.base import Search, at_least
from captioner.search.state import first_leaf
from captioner.tree import Tree, map_tree


class LogitsFilter(NamedTuple):
    """What is done to a distribution before drawing, in this order.

    temperature: p^(1/temperature); top_k: the k most probable words, 0 for all; top_p: the fewest words that
    have this mass together (Holtzman et al., 2020); min_p: words at least that fraction as probable as the
    most probable one (Nguyen et al., 2024).
    """

    temperature: float
    top_k: int
    top_p: float
    min_p: float

    def __call__(self, logits_NV: Tensor) -> Tensor:
        """log_q_NV: what is drawn from, -inf for what is left out."""
        logits_NV = logits_NV / self.temperature
        if 0 < self.top_k < logits_NV.shape[1]:
            top_Nk, words_Nk = logits_NV.topk(self.top_k, dim=1)
            logits_NV = torch.full_like(logits_NV, -torch.inf).scatter_(1, words_Nk, top_Nk)
        if self.top_p < 1:
            sorted_NV, words_NV = logits_NV.softmax(dim=1).sort(dim=1, descending=True)
            enough_NV = sorted_NV.cumsum(dim=1) - sorted_NV >= self.top_p
            enough_NV[:, 0] = False
            logits_NV = logits_NV.masked_fill(enough_NV.gather(1, words_NV.argsort(dim=1)), -torch.inf)
        if self.min_p > 0:
            probability_NV = logits_NV.softmax(dim=1)
            least_N1 = self.min_p * probability_NV.amax(dim=1, keepdim=True)
            logits_NV = logits_NV.masked_fill(probability_NV < least_N1, -torch.inf)
        return logits_NV.log_softmax(dim=1)


@dataclass(kw_only=True)
class SamplingSearch(Search):
    """What searches that draw have in common.

    Args:
        temperature: below 1 draws what is probable more often, above 1 less.
        top_k, top_p, min_p: leave out improbable words (`LogitsFilter`).
        seed: an image's sentences then depend on its features and the seed alone. None draws on torch's
            global state of chance.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(0, top_k=self.top_k, min_p=self.min_p)
        if not self.temperature > 0:
            raise UserError(f"temperature must be above 0, not {self.temperature}: as a limit take greedy.")
        for name, value in (("top_p", self.top_p), ("min_p", self.min_p)):
            if not 0 <= value <= 1:
                raise UserError(f"{name} is a probability, not {value}.")

    @property
    def logits_filter(self) -> LogitsFilter:
        """What is drawn from."""
        return LogitsFilter(self.temperature, self.top_k, self.top_p, self.min_p)


class ImageRNG:
    """Random numbers, a stream for each image: it never meets those of the images beside it."""

    def __init__(self, features: Tree, seed: int | None) -> None:
        B = len(first_leaf(features))
        if seed is None:
            seeds = torch.randint(2**62, (B,)).tolist()
        else:
            seeds = [hash((seed, *marks)) % 2**62 for marks in zip(*_checksums(features), strict=True)]
        self._streams = [torch.Generator().manual_seed(one) for one in seeds]

    def uniform(self, images_B: Tensor, *shape: int) -> Tensor:
        """Numbers in [0, 1), in double precision."""
        streams = [self._streams[image] for image in images_B.tolist()]
        drawn = [torch.rand(shape, generator=stream, dtype=torch.double) for stream in streams]
        return torch.stack(drawn).to(images_B.device)

    def gumbel(self, images_B: Tensor, *shape: int) -> Tensor:
        """Standard Gumbel numbers, in double precision."""
        streams = [self._streams[image] for image in images_B.tolist()]
        drawn = [torch.empty(shape, dtype=torch.double).exponential_(generator=s) for s in streams]
        return -torch.stack(drawn).to(images_B.device).log()


def _checksums(features: Tree) -> list[list[int]]:
    """For every tensor of the features a number for each image, the sum of its bit patterns."""
    sums: list[list[int]] = []

    def add(leaf: Tensor) -> Tensor:
        bits = leaf.float().contiguous().view(torch.int32).flatten(1)
        places = torch.arange(1, bits.shape[1] + 1, device=bits.device)
        sums.append((bits * places).sum(dim=1).tolist())
        return leaf

    map_tree(add, features)
    return sums
