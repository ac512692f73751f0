"""Gradients through time: vanishing, exploding, and clipping, against closed forms where there are any."""

import math

import pytest
import torch

from captioner.cells.base import CELLS
from captioner.insight.gradient_flow import gradient_norms, singular_values, update_norms

N, T, E, H = 3, 40, 5, 6


def make(name="elman", **options):
    torch.manual_seed(0)
    cell = CELLS.build({"name": name, "hidden_dim": H, **options}, input_dim=E).double()
    x_NTE = torch.randn(N, T, E, dtype=torch.double)
    return cell, x_NTE, torch.nn.functional.normalize(torch.randn(N, H, dtype=torch.double))


@pytest.mark.parametrize("value", [0.9, 1.0, 1.2])
def test_where_tanh_is_straight_the_norm_is_a_power_of_the_singular_value(value):
    cell, x_NTE, direction_NH = make(init="orthogonal", init_scale=value)
    (norms_K,) = gradient_norms(cell, 0 * x_NTE, direction_NH)
    expected = value ** torch.arange(T + 1, dtype=torch.double)
    torch.testing.assert_close(norms_K, expected, rtol=1e-4, atol=0)  # orthogonal in single precision


def test_below_one_it_vanishes_whatever_is_read():
    cell, x_NTE, direction_NH = make(init="normal", init_scale=0.3)
    with torch.no_grad():
        cell.recurrent.weight *= 0.95 / singular_values(cell)["h"][0]
    state = (torch.randn(N, H, dtype=torch.double),)
    (norms_K,) = gradient_norms(cell, x_NTE, direction_NH, state)
    assert (norms_K <= 0.95 ** torch.arange(T + 1, dtype=torch.double) + 1e-12).all()
    assert norms_K[0].item() == pytest.approx(1)
    assert norms_K[-1] < 1e-3


def test_above_one_it_explodes_and_clipping_bounds_the_update():
    cell, x_NTE, direction_NH = make(init="orthogonal", init_scale=1.4)
    (norms_K,) = gradient_norms(cell, 1e-9 * x_NTE, direction_NH)
    assert norms_K[-1] > 1e5
    lengths = [1, 10, 20, 40]
    raw, clipped = update_norms(cell, 1e-9 * x_NTE, direction_NH, lengths, clip=5.0)
    assert raw[0] < 5
    assert raw[-1] > 1e3 * raw[0]
    assert (raw.diff() > 0).all()
    torch.testing.assert_close(clipped, torch.tensor([min(5.0, r) for r in raw.tolist()]).double())


@pytest.mark.parametrize("bias", [0.0, 1.0, 5.0])
def test_along_an_lstms_memory_the_forget_gate_is_all_that_multiplies(bias):
    cell, x_NTE, direction_NH = make("lstm", forget_bias=bias)
    with torch.no_grad():
        for layer in (cell.input, cell.recurrent):
            layer.weight.zero_()
    _, norms_K = gradient_norms(cell, x_NTE, direction_NH)
    forget = 1 / (1 + math.exp(-bias))
    expected = norms_K[0] * forget ** torch.arange(T + 1, dtype=torch.double)
    torch.testing.assert_close(norms_K, expected)


def test_an_lstm_with_forget_bias_keeps_what_one_without_and_an_elman_cell_lose():
    """Weights as they start, random text: what is left of the gradient after 40 steps."""
    left = {}
    for name, options in {"elman": {}, "lstm": {"forget_bias": 0.0}, "kept": {"forget_bias": 5.0}}.items():
        cell, x_NTE, direction_NH = make("lstm" if name == "kept" else name, **options)
        norms_K = gradient_norms(cell, x_NTE, direction_NH)[-1]
        left[name] = (norms_K[-1] / norms_K[0]).item()
    assert left["kept"] > 0.3
    assert left["lstm"] < 1e-4
    assert left["elman"] < 1e-4


@pytest.mark.parametrize("name", sorted(CELLS))
def test_norms_are_those_of_whole_sequences_for_every_cell(name):
    """dL/dh_0 and dL/dc_0 through the whole-sequence path, which takes no steps."""
    cell, x_NTE, direction_NH = make(name)
    state = tuple(torch.randn(N, H, dtype=torch.double).requires_grad_() for _ in range(cell.num_states))
    last_NH = cell(x_NTE[:, :7], state).outputs_NTH[:, -1]
    expected = torch.autograd.grad((last_NH * direction_NH).sum(), state)
    norms_SK = gradient_norms(cell, x_NTE[:, :7], direction_NH, state)
    assert norms_SK.shape == (cell.num_states, 8)
    torch.testing.assert_close(norms_SK[:, -1], torch.stack([g.norm(dim=1).mean() for g in expected]))


@pytest.mark.parametrize("name", ["gru", "min_gru", "rg_lru"])
def test_norms_are_those_of_products_of_jacobians(name):
    """Row by row, dh_T/dh_t = dh_T/dh_{T-1} ... dh_{t+1}/dh_t."""
    cell, x_NTE, direction_NH = make(name)
    rows, steps = 2, 5
    x_NTE, direction_NH = x_NTE[:rows, :steps], direction_NH[:rows]
    expected_K = torch.zeros(steps + 1, dtype=torch.double)
    for x_TE, gradient_H in zip(x_NTE, direction_NH, strict=True):
        states = [cell.zero_state(x_TE[:1])[0]]
        for x_1E in x_TE.split(1):
            states.append(cell.step(cell.project(x_1E), (states[-1],))[0])
        expected_K[0] += gradient_H.norm() / rows
        for back in range(1, steps + 1):
            projected_1G, old_H = cell.project(x_TE[-back][None]), states[-1 - back][0].detach()

            def step(h_H, projected_1G=projected_1G):
                return cell.step(projected_1G, (h_H[None],))[0][0]

            gradient_H = gradient_H @ torch.autograd.functional.jacobian(step, old_H)
            expected_K[back] += gradient_H.norm() / rows
    torch.testing.assert_close(gradient_norms(cell, x_NTE, direction_NH), expected_K[None])


def test_updates_are_measured_over_the_last_inputs_and_leave_no_trace():
    cell, x_NTE, direction_NH = make("gru")
    raw, _ = update_norms(cell, x_NTE, direction_NH, [3], clip=1.0)
    assert all(parameter.grad is None for parameter in cell.parameters())
    last_NH = cell(x_NTE[:, -3:], cell.zero_state(x_NTE[:, 0])).state[0]
    (last_NH * direction_NH).sum().backward()
    total = torch.cat([p.grad.flatten() for p in cell.parameters()]).norm()
    torch.testing.assert_close(raw[0], total)


def test_singular_values_have_the_names_of_the_gates():
    cell, _, _ = make("gru")
    found = singular_values(cell)
    assert list(found) == ["r", "z", "n"]
    torch.testing.assert_close(found["z"], torch.linalg.svdvals(cell.recurrent.weight[H:].detach()))
    torch.testing.assert_close(found["n"], torch.linalg.svdvals(cell.candidate.weight.detach()))
    stacked, _, _ = make("stacked", cell={"name": "elman"})
    assert list(singular_values(stacked)) == ["1.h", "2.h"]
