import numpy as np
import pytest
import torch

from captioner.attention import AdditiveAttention

B, K, L, F, H, A = 2, 3, 5, 4, 6, 7


@pytest.mark.parametrize(
    ("activation", "function"), [("tanh", np.tanh), ("relu", lambda x: np.maximum(x, 0))]
)
def test_agrees_with_the_equation_written_out(activation, function):
    attention = AdditiveAttention(F, H, A, activation).double()
    features_BLF, h_NH = torch.randn(B, L, F, dtype=torch.double), torch.randn(B * K, H, dtype=torch.double)
    with torch.no_grad():
        found = attention(features_BLF, attention.keys(features_BLF), h_NH)
    p = {name: value.detach().numpy() for name, value in attention.named_parameters()}
    for n in range(B * K):
        a, h = features_BLF[n // K].numpy(), h_NH[n].numpy()
        asked = p["query.weight"] @ h
        e = [
            p["score.weight"][0] @ function(p["keys.weight"] @ a[i] + p["keys.bias"] + asked)
            for i in range(L)
        ]
        alpha = np.exp(e) / np.exp(e).sum()
        np.testing.assert_allclose(found.alphas_NL[n].numpy(), alpha, atol=1e-12)
        np.testing.assert_allclose(found.context_NF[n].numpy(), alpha @ a, atol=1e-12)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 1e-2)])
def test_tanh_keeps_the_digits_of_each_precision(dtype, tolerance):
    attention = AdditiveAttention(F, H, A := 64).double()
    torch.nn.init.ones_(attention.score.weight)
    keys_BLA, query_BKA = (0.1 * torch.randn(B, n, A).to(dtype) for n in (L, K))
    mixed_BKLA = keys_BLA.double().unsqueeze(1) + query_BKA.double().unsqueeze(2)
    wanted_BKL = mixed_BKLA.tanh().sum(dim=-1).softmax(dim=-1)
    with torch.no_grad():
        found_BKL = attention.to(dtype)._look(keys_BLA, query_BKA).double()
    torch.testing.assert_close(found_BKL, wanted_BKL, rtol=0, atol=tolerance)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_gradients_are_those_of_finite_differences(activation):
    attention = AdditiveAttention(F, H, A, activation).double()
    features_BLF = torch.randn(B, L, F, dtype=torch.double, requires_grad=True)
    h_NH = torch.randn(B * K, H, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda f, h: attention(f, attention.keys(f), h), (features_BLF, h_NH))


def test_score_gain_multiplies_the_first_scores():
    torch.manual_seed(3)
    plain = AdditiveAttention(F, H, A)
    torch.manual_seed(3)
    sharp = AdditiveAttention(F, H, A, score_gain=5.0)
    torch.testing.assert_close(sharp.score.weight, 5 * plain.score.weight)
    torch.testing.assert_close(sharp.keys.weight, plain.keys.weight, rtol=0, atol=0)


def test_without_gradients_images_are_looked_at_in_parts_to_the_same_end(monkeypatch):
    attention = AdditiveAttention(F, H, A)
    features_BLF, h_NH = torch.randn(7, L, F), torch.randn(7 * K, H)
    whole = attention(features_BLF, attention.keys(features_BLF), h_NH)
    monkeypatch.setattr("captioner.device.CACHE", 3 * K * L * A)  # three images at once, and one is left
    with torch.no_grad():
        parts = attention(features_BLF, attention.keys(features_BLF), h_NH)
    torch.testing.assert_close(parts.alphas_NL, whole.alphas_NL.detach(), rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(parts.context_NF, whole.context_NF.detach(), rtol=1e-6, atol=1e-7)
