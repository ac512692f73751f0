"""Devices: which one to use, how much to compute at once, what its kernels can do, and memory."""

import ctypes
import functools
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

CACHE = 2**19
"""Numbers that stay in the cache of a CPU between one operation on them and the next."""


MMAP_MAX, TRIM_THRESHOLD = -4, -1  # as malloc.h numbers them


def best_device() -> torch.device:
    """Return a GPU if there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def rows_at_once(row_size: int, device: torch.device) -> int:
    """Return how many rows of `row_size` numbers to compute at once: all, or what fits a CPU's cache."""
    return max(1, CACHE // max(1, row_size)) if device.type == "cpu" else sys.maxsize


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread of the CPU inside, and on as many as before after it.

    An operation on a small tensor is over sooner than a second thread has begun; that thread then spins, and
    takes as much of a core as the first one until the next operation.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@functools.cache
def lstm_kernel_computes_in(dtype: torch.dtype) -> bool:
    """Return whether torch's LSTM kernel of this CPU trains under autocast to `dtype`; tried once a process.

    oneDNN has no LSTM in bfloat16 for a CPU without AVX-512: there the kernel raises an error.
    """
    with torch.inference_mode(False), torch.enable_grad():
        x_111 = torch.zeros(1, 1, 1, device="cpu", requires_grad=True)
        weights = [torch.zeros(4, 1, device="cpu")] * 2 + [torch.zeros(4, device="cpu")] * 2
        try:
            with torch.autocast("cpu", dtype=dtype):
                outputs, *_ = torch.lstm(x_111, [x_111, x_111], weights, True, 1, 0.0, True, False, True)
            torch.autograd.backward(outputs.sum())
        except RuntimeError:
            return False
    return True


def keep_memory() -> bool:
    """Have the C library keep what tensors on a CPU leave behind for those to come; False if it is not glibc.

    By itself it returns large blocks to the system, which fills every page with zeros before it gives it out
    again: a fifth of the time of an LSTM of 128 units, forward and backward. 2 GB at most stay unused.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(MMAP_MAX, 0) and libc.mallopt(TRIM_THRESHOLD, 2**31 - 1))
