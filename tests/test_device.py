"""What a device computes at once, what its kernels can do, and its memory."""

import platform
import subprocess
import sys

import pytest
import torch

from captioner.device import lstm_kernel_computes_in, one_thread, rows_at_once
from captioner.search.stepping.policy import normaliser


def test_a_cpu_computes_what_its_cache_holds_and_other_devices_everything(monkeypatch):
    monkeypatch.setattr("captioner.device.CACHE", 100)
    assert [rows_at_once(size, torch.device("cpu")) for size in (1, 7, 50, 51, 101, 0)] == [
        100,
        14,
        2,
        1,
        1,
        100,
    ]
    assert rows_at_once(10**9, torch.device("meta")) > 10**9


@pytest.mark.parametrize("cache", [1, 3 * 11, 10**6])
def test_the_normaliser_does_not_depend_on_the_size_of_the_parts(cache, monkeypatch):
    monkeypatch.setattr("captioner.device.CACHE", cache)
    logits_NV = 40 * torch.randn(7, 11, dtype=torch.double)
    expected_N1 = logits_NV.exp().sum(dim=1, keepdim=True).log()
    torch.testing.assert_close(normaliser(logits_NV), expected_N1)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.half])
def test_the_lstm_kernel_is_said_to_compute_where_it_does(dtype):
    """Asked of torch's module, with a gradient; oneDNN has it in bfloat16 on some processors only."""
    lstm, x_NTE = torch.nn.LSTM(5, 4, batch_first=True), torch.randn(3, 7, 5)
    try:
        with torch.autocast("cpu", dtype=dtype):
            lstm(x_NTE)[0].sum().backward()
        works = True
    except RuntimeError:
        works = False
    assert lstm_kernel_computes_in(dtype) == works


def test_one_thread_computes_inside_and_as_many_as_before_afterwards():
    before, inside = torch.get_num_threads(), []

    def compute():
        with one_thread():
            inside.append(torch.get_num_threads())
            raise ZeroDivisionError

    try:
        torch.set_num_threads(3)
        with pytest.raises(ZeroDivisionError):
            compute()
        assert [*inside, torch.get_num_threads()] == [1, 3]
    finally:
        torch.set_num_threads(before)


PAGES = """
import resource, torch
from captioner.device import keep_memory
{keep}
for _ in range(20):
    torch.ones(25_000_000).add_(1)  # 100 MB, more than glibc ever keeps by itself
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is another")
def test_memory_that_is_kept_is_not_asked_for_again():
    """Pages the system hands out while the same tensor is made once more, the last five times of twenty."""
    pages = []
    for keep in ("", "assert keep_memory()"):
        output = subprocess.check_output([sys.executable, "-c", PAGES.format(keep=keep)], text=True)
        counts = [int(line) for line in output.split()]
        pages.append(counts[-1] - counts[-6])
    assert pages[1] < pages[0] / 10
