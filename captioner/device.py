"""Where to compute, how much at once, and what becomes of memory."""

import ctypes
import platform
import sys

import torch

CACHE = 2**19
"""Numbers that stay in the cache of a CPU between one operation on them and the next."""


MMAP_MAX, TRIM_THRESHOLD = -4, -1  # as malloc.h numbers them


def best_device() -> torch.device:
    """A GPU if there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def rows_at_once(row_size: int, device: torch.device) -> int:
    """How many rows of `row_size` numbers to compute at once: all of them, or what a CPU's cache holds."""
    return max(1, CACHE // max(1, row_size)) if device.type == "cpu" else sys.maxsize


def keep_memory() -> bool:
    """Have the C library keep what tensors on a CPU leave behind for those to come; False if it is not glibc.

    By itself it returns large blocks to the system, which fills every page with zeros before it gives it out
    again: a fifth of the time of an LSTM of 128 units, forward and backward. 2 GB at most stay unused.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(MMAP_MAX, 0) and libc.mallopt(TRIM_THRESHOLD, 2**31 - 1))
