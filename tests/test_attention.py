"""Attention against its equation, finite differences and itself in other groups of images."""

import numpy as np
import pytest
import torch

from captioner.attention.additive import AdditiveAttention
from captioner.attention.kernels import SharedKeys
from captioner.tree import first_rows

B, K, L, F, H, A = 2, 3, 5, 4, 6, 7


@pytest.mark.parametrize(
    ("activation", "function"), [("tanh", np.tanh), ("relu", lambda x: np.maximum(x, 0))]
)
def test_agrees_with_the_equation_written_out(activation, function):
    attention = AdditiveAttention(F, H, A, activation).double()
    features_BLF, h_NH = torch.randn(B, L, F, dtype=torch.double), torch.randn(B * K, H, dtype=torch.double)
    with torch.no_grad():
        found = attention(features_BLF, attention.prepare(features_BLF), h_NH)
    p = {name: value.detach().numpy() for name, value in attention.named_parameters()}
    for n in range(B * K):
        a, h = features_BLF[n // K].numpy(), h_NH[n].numpy()
        query = p["query.weight"] @ h
        e = [
            p["score.weight"][0] @ function(p["keys.weight"] @ a[i] + p["keys.bias"] + query)
            for i in range(L)
        ]
        alpha = np.exp(e) / np.exp(e).sum()
        np.testing.assert_allclose(found.alphas_NL[n].numpy(), alpha, atol=1e-12)
        np.testing.assert_allclose(found.context_NF[n].numpy(), alpha @ a, atol=1e-12)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.half, 2e-3), (torch.bfloat16, 1e-2)]
)
@pytest.mark.parametrize("scale", [0.1, 1.0, 7.0])
def test_tanh_keeps_the_digits_of_each_precision(scale, dtype, tolerance):
    attention = AdditiveAttention(A := 32, A, A).to(dtype)
    with torch.no_grad():
        attention.score.weight.fill_(0.25)
        attention.keys.bias.zero_()
        for square in (attention.keys.weight, attention.query.weight):
            square.copy_(torch.eye(A))
        features_BLF, h_NH = ((scale * torch.randn(*size, A)).to(dtype) for size in ((B, L), (B * K,)))
        found = attention(features_BLF, attention.prepare(features_BLF), h_NH)
    mixed_BKLA = features_BLF.double().unsqueeze(1) + h_NH.double().view(B, K, 1, A)
    wanted_BKL = (0.25 * mixed_BKLA.tanh().sum(dim=-1)).softmax(dim=-1)
    assert found.alphas_NL.dtype == dtype
    torch.testing.assert_close(found.alphas_NL.double(), wanted_BKL.flatten(0, 1), rtol=0, atol=tolerance)


def test_keys_and_queries_beyond_all_powers_give_no_nan():
    attention = AdditiveAttention(F, H, A)
    features_BLF = (1e4 * torch.randn(B, L, F)).requires_grad_()
    h_NH = (1e4 * torch.randn(B * K, H)).requires_grad_()
    found = attention(features_BLF, attention.prepare(features_BLF), h_NH)
    found.context_NF.square().sum().backward()
    for tensor in (found.alphas_NL, features_BLF.grad, h_NH.grad, attention.score.weight.grad):
        assert tensor.isfinite().all()


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_gradients_are_those_of_finite_differences(activation):
    attention = AdditiveAttention(F, H, A, activation).double()
    features_BLF = torch.randn(B, L, F, dtype=torch.double, requires_grad=True)
    h_NH = torch.randn(B * K, H, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda f, h: attention(f, attention.prepare(f), h), (features_BLF, h_NH))


def test_score_gain_multiplies_the_first_scores():
    torch.manual_seed(3)
    plain = AdditiveAttention(F, H, A)
    torch.manual_seed(3)
    sharp = AdditiveAttention(F, H, A, score_gain=5.0)
    torch.testing.assert_close(sharp.score.weight, 5 * plain.score.weight)
    torch.testing.assert_close(sharp.keys.weight, plain.keys.weight, rtol=0, atol=0)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_result_does_not_depend_on_how_many_images_are_computed_at_once(monkeypatch, activation):
    attention = AdditiveAttention(F, H, A, activation)
    features_BLF, h_NH = torch.randn(7, L, F), torch.randn(7 * K, H)
    wanted_NL = torch.randn(7 * K, L)

    def run():
        found = attention(features_BLF, attention.prepare(features_BLF), h_NH)
        return *found, *torch.autograd.grad((found.alphas_NL * wanted_NL).sum(), attention.parameters())

    whole = run()
    monkeypatch.setattr("captioner.device.CACHE", 3 * K * L * A)  # three images at once, and one is left
    for part, all_at_once in zip(run(), whole, strict=True):
        torch.testing.assert_close(part, all_at_once, rtol=1e-5, atol=1e-6)


def test_training_keeps_nothing_of_the_size_of_all_pairs():
    attention = AdditiveAttention(F, H, A)
    features_BLF, h_NH = torch.randn(B, L, F), torch.randn(B * K, H)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.numel()), lambda _: _):
        attention(features_BLF, attention.prepare(features_BLF), h_NH)
    assert kept
    assert max(kept) < B * K * L * A / 2


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_mixed_precision_has_nearly_the_results_and_gradients_of_full(activation):
    attention = AdditiveAttention(F, H, A, activation)
    features_BLF, h_NH, wanted_NL = torch.randn(B, L, F), torch.randn(B * K, H), torch.randn(B * K, L)

    def run():
        found = attention(features_BLF, attention.prepare(features_BLF), h_NH)
        grads = torch.autograd.grad((found.alphas_NL * wanted_NL).sum(), attention.parameters())
        return [found.alphas_NL.detach(), *grads]

    full = run()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = run()
    for part, wanted in zip(mixed, full, strict=True):
        torch.testing.assert_close(part.float(), wanted, rtol=0, atol=0.03 * float(wanted.abs().max()))


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_shared_keys_have_the_sum_of_the_gradients_of_all_times(activation):
    """Also where the last images are left out on the way, and in a second pass through the same graph."""
    attention = AdditiveAttention(F, H, A, activation).double()
    features_BLF = torch.randn(5, L, F, dtype=torch.double, requires_grad=True)
    asked = [(torch.randn(B * K, H, dtype=torch.double), torch.randn(B * K, L)) for B in (5, 4, 4, 1)]
    inputs = (features_BLF, *attention.parameters())

    def loss(shared):
        prepared = attention.prepare(features_BLF)
        if shared:
            prepared = attention.share(prepared)
            assert isinstance(prepared, SharedKeys)
        total = 0.0
        for h_NH, wanted_NL in asked:
            prepared = first_rows(prepared, len(h_NH) // K)
            alphas_NL = attention(features_BLF[: len(h_NH) // K], prepared, h_NH).alphas_NL
            total += (alphas_NL * wanted_NL).sum()
        return total

    expected, ours = torch.autograd.grad(loss(False), inputs), loss(True)
    for _ in range(2):
        for found, wanted in zip(torch.autograd.grad(ours, inputs, retain_graph=True), expected, strict=True):
            torch.testing.assert_close(found, wanted)


def test_keys_without_a_gradient_are_not_shared():
    attention = AdditiveAttention(F, H, A)
    prepared_BLA = attention.prepare(torch.randn(B, L, F))
    assert attention.share(prepared_BLA.detach()).requires_grad is False
    with torch.no_grad():
        assert attention.share(prepared_BLA) is prepared_BLA
