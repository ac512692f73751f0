"""Gather what each process of a training found in validation."""

from typing import TypeVar

import torch

Found = TypeVar("Found")


def gather_from_all_processes(found: dict[int, Found]) -> dict[int, Found]:
    """Return what all processes found, by id, each once."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return found
    parts: list[dict[int, Found]] = [{}] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(parts, found)
    return {key: one for part in parts for key, one in part.items()}
