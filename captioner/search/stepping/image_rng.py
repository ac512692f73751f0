"""Random numbers for each image of a batch, as a value.      B images."""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from captioner.tree import Tree, first_leaf, map_tree


class ImageRNG:
    """A random stream for each image, independent of the images beside it.

    Args:
        streams: one generator per image of the batch that was given.
    """

    def __init__(self, streams: Sequence[Generator]) -> None:
        self._streams = streams

    @classmethod
    def seeded(cls, features: Tree, seed: int | None) -> "ImageRNG":
        """Return streams from `seed` and each image's features, or from torch's global random state."""
        if seed is None:
            seeds = torch.randint(2**62, (len(first_leaf(features)),)).tolist()
        else:
            seeds = [hash((seed, *marks)) % 2**62 for marks in zip(*checksums(features), strict=True)]
        return cls([torch.Generator().manual_seed(one) for one in seeds])

    def fork(self) -> "ImageRNG":
        """Return streams that draw the same numbers and leave these where they are."""
        return ImageRNG([stream.clone_state() for stream in self._streams])

    def uniform(self, images_B: Tensor, *shape: int) -> Tensor:
        """Draw numbers in [0, 1), in double precision."""
        streams = [self._streams[image] for image in images_B.tolist()]
        drawn = [torch.rand(shape, generator=stream, dtype=torch.double) for stream in streams]
        return torch.stack(drawn).to(images_B.device)

    def gumbel(self, images_B: Tensor, *shape: int) -> Tensor:
        """Draw standard Gumbel numbers, in double precision."""
        streams = [self._streams[image] for image in images_B.tolist()]
        drawn = [torch.empty(shape, dtype=torch.double).exponential_(generator=s) for s in streams]
        return -torch.stack(drawn).to(images_B.device).log()


def checksums(features: Tree) -> list[list[int]]:
    """Return for every tensor of the features a number for each image, the sum of its bit patterns."""
    sums: list[list[int]] = []

    def add(leaf: Tensor) -> Tensor:
        bits = leaf.float().contiguous().view(torch.int32).flatten(1)
        places = torch.arange(1, bits.shape[1] + 1, device=bits.device)
        sums.append((bits * places).sum(dim=1).tolist())
        return leaf

    map_tree(add, features)
    return sums
