"""Scans against loops over time, and against the logarithmic form of Feng et al. (2024)."""

import pytest
import torch

from captioner.cells.base import CELLS
from captioner.cells.recurrence import scan
from captioner.cells.recurrence.scan import linear_scan, relu_scan

N, H = 2, 3


def linear_loop(decay_NTH, input_NTH, h_NH):
    states = []
    for decay_NH, input_NH in zip(decay_NTH.unbind(1), input_NTH.unbind(1), strict=True):
        h_NH = decay_NH * h_NH + input_NH
        states.append(h_NH)
    return torch.stack(states, dim=1)


def relu_loop(decay_H, input_NTH, h_NH):
    states = []
    for input_NH in input_NTH.unbind(1):
        h_NH = (decay_H * h_NH + input_NH).clamp(min=0)
        states.append(h_NH)
    return torch.stack(states, dim=1)


def values(T, per_time, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (N, T, H) if per_time else (H,)
    decay = torch.randn(shape, generator=generator, dtype=torch.double)
    rest = (torch.randn(N, T, H, generator=generator), torch.randn(N, H, generator=generator))
    return [leaf.double().requires_grad_() for leaf in (decay, *rest)]


@pytest.mark.parametrize(("fast", "slow"), [(linear_scan, linear_loop), (relu_scan, relu_loop)])
@pytest.mark.parametrize("T", [1, 2, 5, 6, 7, 17, 54, 61])
def test_a_scan_and_its_gradients_are_those_of_a_loop(fast, slow, T, monkeypatch):
    """With blocks of three there are up to three levels of blocks; factors have both signs."""
    monkeypatch.setattr(scan, "BLOCK_LENGTH", 3)
    inputs = values(T, per_time=fast is linear_scan)
    found, wanted = fast(*inputs), slow(*inputs)
    torch.testing.assert_close(found, wanted, atol=1e-9, rtol=1e-9)
    weights_NTH = torch.linspace(-1, 2, N * T * H, dtype=torch.double).view(N, T, H)
    gradients = [torch.autograd.grad((out * weights_NTH).sum(), inputs) for out in (found, wanted)]
    torch.testing.assert_close(*gradients, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("fast", [linear_scan, relu_scan])
def test_the_gradient_of_a_gradient_matches_finite_differences(fast, monkeypatch):
    monkeypatch.setattr(scan, "BLOCK_LENGTH", 3)
    assert torch.autograd.gradgradcheck(fast, values(7, per_time=fast is linear_scan))


@pytest.mark.parametrize(("fast", "slow"), [(linear_scan, linear_loop), (relu_scan, relu_loop)])
@pytest.mark.parametrize("factor", [0.0, 1.0, -1.0])
def test_factors_of_zero_one_and_minus_one(fast, slow, factor):
    decay, input_NTH, h_NH = values(100, per_time=fast is linear_scan)
    decay = torch.full_like(decay, factor)
    found = fast(decay, input_NTH, h_NH)
    torch.testing.assert_close(found, slow(decay, input_NTH, h_NH), atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", ["min_gru", "min_lstm"])
def test_minimal_cells_agree_with_the_logarithmic_form_of_the_paper(name):
    """log h = a* + logcumsumexp([log h_0, log b] - a*), a* the running sum of log decays; h_0 above 0."""
    torch.manual_seed(0)
    cell = CELLS.build({"name": name, "hidden_dim": 4}, input_dim=5).double()
    x_NTE, h_NH = torch.randn(N, 70, 5, dtype=torch.double), torch.rand(N, 4, dtype=torch.double)
    projected = cell.project(x_NTE)
    softplus = torch.nn.functional.softplus
    if name == "min_gru":
        z, n = projected.chunk(2, dim=-1)
        log_decay, log_gate = -softplus(z), -softplus(-z)
    else:
        f, i, n = projected.chunk(3, dim=-1)
        difference = softplus(-f) - softplus(-i)
        log_decay, log_gate = -softplus(difference), -softplus(-difference)
    log_n = torch.where(n >= 0, (n.relu() + 0.5).log(), -softplus(-n))
    a_star = torch.cat([torch.zeros(N, 1, 4), log_decay.cumsum(dim=1)], dim=1)
    log_values = torch.cat([h_NH.log().unsqueeze(1), log_gate + log_n], dim=1)
    wanted = (a_star + (log_values - a_star).logcumsumexp(dim=1)).exp()[:, 1:]
    torch.testing.assert_close(cell(x_NTE, (h_NH,)).outputs_NTH, wanted, atol=1e-12, rtol=0)


def test_ten_thousand_steps_in_single_precision_are_as_exact_as_a_loop():
    """Also where every decay is so small that their products underflow at once."""
    torch.manual_seed(0)
    for least, most in [(0.0, 1.0), (0.999, 1.0), (0.0, 1e-30)]:
        decay_NTH = torch.empty(1, 10_000, 4).uniform_(least, most)
        input_NTH, h_NH = torch.randn(1, 10_000, 4), torch.randn(1, 4)
        exact = linear_loop(decay_NTH.double(), input_NTH.double(), h_NH.double())
        error = (linear_scan(decay_NTH, input_NTH, h_NH) - exact).abs().max()
        of_loop = (linear_loop(decay_NTH, input_NTH, h_NH) - exact).abs().max()
        assert error <= 2 * of_loop + 1e-7
