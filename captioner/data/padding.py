"""Pad sentences to tensors.      B images, K sentences an image, T time."""

from collections.abc import Sequence

import torch
from torch import Tensor

from captioner.vocabulary import PAD


def pad(captions: Sequence[Sequence[Sequence[int]]], captions_per_image: int) -> Tensor:
    """Return token ids, `captions_per_image` sequences of each image, as tokens_BKT, padded with `<pad>`."""
    longest = max((len(caption) for own in captions for caption in own), default=2)
    tokens_BKT = torch.full((len(captions), captions_per_image, max(longest, 2)), PAD)
    for b, own in enumerate(captions):
        for k, caption in enumerate(own):
            tokens_BKT[b, k, : len(caption)] = torch.tensor(caption)
    return tokens_BKT
