"""The order of the samples of an epoch, as arrays: a list of objects would take gigabytes at millions."""

import torch
from torch import Tensor

MIXED_WINDOWS = 4
"""Windows whose samples are mixed: neighbours in a shard, which may be alike, are spread over batches."""


def shuffled(count: int, window: int | None, generator: torch.Generator) -> Tensor:
    """Return a random order of samples.

    Args:
        count: number of samples.
        window: None: all orders are as likely. A number: windows of so many consecutive samples come in a
            random order, and only the samples of `MIXED_WINDOWS` windows at a time are mixed, so that
            samples that lie together in a file are read at about the same time.
        generator: the source of randomness.

    Returns:
        numbers_N, every number below `count` once.
    """
    if window is None:
        return torch.randperm(count, generator=generator)
    parts = []
    windows = torch.randperm(-(-count // window), generator=generator).tolist()
    for place in range(0, len(windows), MIXED_WINDOWS):
        firsts = [number * window for number in windows[place : place + MIXED_WINDOWS]]
        numbers = torch.cat([torch.arange(first, min(first + window, count)) for first in firsts])
        parts.append(numbers[torch.randperm(len(numbers), generator=generator)])
    return torch.cat(parts) if parts else torch.arange(0)
