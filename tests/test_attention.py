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
