import pytest
import torch

from captioner.device import rows_at_once
from captioner.search.paths import normaliser


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
