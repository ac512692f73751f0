"""The greatest logits of a large vocabulary, against torch.topk."""

import pytest
import torch

from captioner.search.stepping import top_words as module
from captioner.search.stepping.top_words import GROUP, top_words


@pytest.mark.parametrize("vocab_size", [50 * GROUP, 50 * GROUP + 1, 51 * GROUP - 1])
@pytest.mark.parametrize("count", [1, 6])
def test_they_are_those_of_topk(vocab_size, count, monkeypatch):
    """Of rows whose greatest are anywhere, in one group, behind the last group, and mostly forbidden."""
    monkeypatch.setattr(module, "MANY", 0)
    torch.manual_seed(vocab_size)
    logits_NV = torch.randn(9, vocab_size)
    logits_NV[1, GROUP : 2 * GROUP] += 20
    logits_NV[2, -count:] += 30
    logits_NV[3, 2:] = -torch.inf
    logits_NV[3, -1] = 0.5
    kept = []
    real = torch.Tensor.amax
    monkeypatch.setattr(torch.Tensor, "amax", lambda self, **options: kept.append(1) or real(self, **options))
    top_NC, words_NC = top_words(logits_NV, count)
    assert kept, "the groups were not used"
    expected = logits_NV.topk(count, dim=1)
    assert torch.equal(top_NC, expected.values)
    possible_NC = top_NC > -torch.inf  # which of the forbidden words comes first is nobody's choice
    assert torch.equal(words_NC[possible_NC], expected.indices[possible_NC])
    assert torch.equal(logits_NV.gather(1, words_NC), top_NC)


@pytest.mark.parametrize("shape", [(9, 3), (2, 40 * GROUP), (200, 47 * GROUP)])
def test_small_vocabularies_and_few_rows_take_topk_itself(shape, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "amax", None)
    logits_NV = torch.randn(shape)
    count = min(3, shape[1]) if shape[1] < 47 * GROUP else 6
    for found, expected in zip(top_words(logits_NV, count), logits_NV.topk(count, dim=1), strict=True):
        assert torch.equal(found, expected)
