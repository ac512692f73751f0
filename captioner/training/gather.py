"""Bring together what the processes of a training have, each its own part.

All processes must call these functions, and in the same order.
"""

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor

Found = TypeVar("Found")


def num_processes() -> int:
    """Return how many processes train together."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return 1
    return torch.distributed.get_world_size()


def gather_objects(own: Found) -> list[Found]:
    """Return the object of every process, by rank; tensors in it must lie on the CPU."""
    if num_processes() == 1:
        return [own]
    parts = [own] * num_processes()
    torch.distributed.all_gather_object(parts, own)
    return parts


def gather_from_all_processes(found: dict[int, Found]) -> dict[int, Found]:
    """Return what all processes found, by id, each once."""
    return {key: one for part in gather_objects(found) for key, one in part.items()}


def gather_rows(own: Sequence[Tensor]) -> list[Tensor]:
    """Return tensors with the rows of all processes, of which process p of P has every P-th from p.

    Args:
        own: tensors of this process on the CPU; none where it has no row.

    Returns:
        The tensors with all rows, in their order.
    """
    parts = gather_objects(list(own))
    return [_interleave(leaves, len(parts)) for leaves in zip(*filter(None, parts), strict=True)]


def _interleave(leaves: Sequence[Tensor], step: int) -> Tensor:
    rows = leaves[0].new_empty(sum(map(len, leaves)), *leaves[0].shape[1:])
    for rank, leaf in enumerate(leaves):
        rows[rank::step] = leaf
    return rows
