"""The output layer against its product written out."""

import pytest
import torch

from captioner.decoders.output_layer import OutputLayer


def layer(vocab_size: int) -> OutputLayer:
    torch.manual_seed(vocab_size)
    return OutputLayer(5, vocab_size).double()


@pytest.mark.parametrize("vocab_size", [2, 4, 7, 8, 11])
def test_logits_by_blocks_are_the_product(vocab_size, monkeypatch):
    monkeypatch.setattr("captioner.decoders.output_layer.WORDS_AT_ONCE", 4)
    output, x_MH = layer(vocab_size), torch.randn(3, 5, dtype=torch.double)
    expected_MV = (output.weight.unsqueeze(0) * x_MH.unsqueeze(1)).sum(2) + output.bias
    with torch.no_grad():
        logits_MV = output(x_MH)
    assert logits_MV.is_contiguous()
    torch.testing.assert_close(logits_MV, expected_MV.detach())


def test_logits_have_a_gradient_where_one_is_asked_for():
    output, x_MH = layer(7), torch.randn(3, 5, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(output, x_MH)
    assert output(x_MH.detach()).requires_grad


def test_logits_under_autocast_are_in_its_precision():
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert OutputLayer(5, 7)(torch.randn(3, 5)).dtype == torch.bfloat16
