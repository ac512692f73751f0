"""Where to compute, and how much at once."""

import sys

import torch

CACHE = 2**19
"""Numbers that stay in the cache of a CPU between one operation on them and the next."""


def best_device() -> torch.device:
    """A GPU if there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def rows_at_once(row_size: int, device: torch.device) -> int:
    """How many rows of `row_size` numbers to compute at once: all of them, or what a CPU's cache holds."""
    return max(1, CACHE // max(1, row_size)) if device.type == "cpu" else sys.maxsize
