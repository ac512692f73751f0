"""Every cell against its published equation, written out in numpy row by row of the weights."""

import numpy as np
import pytest
import torch

from captioner.cells.base import CELLS

N, T, E, H = 3, 6, 5, 4


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Weights:
    """A cell's weights, each gate's part by its place; `part("input.weight", 2)` are rows 2H to 3H."""

    def __init__(self, cell):
        self.values = {name: value.detach().numpy() for name, value in cell.named_parameters()}

    def part(self, name, place):
        return self.values[name][place * H : (place + 1) * H]

    def x(self, x, place):
        return x @ self.part("input.weight", place).T + self.part("input.bias", place)

    def h(self, h, place=0, name="recurrent"):
        return h @ self.part(f"{name}.weight", place).T

    def entered(self, x):
        return x @ self.values["enter.weight"].T if "enter.weight" in self.values else x


def elman(w, x, h):
    h = np.tanh(w.x(x, 0) + w.h(h))
    return (h,), {"h": h}


def lstm(w, x, h, c):
    i, f, o = (sigmoid(w.x(x, k) + w.h(h, k)) for k in (0, 1, 3))
    g = np.tanh(w.x(x, 2) + w.h(h, 2))
    c = f * c + i * g
    return (o * np.tanh(c), c), {"i": i, "f": f, "g": g, "o": o}


def peephole(w, x, h, c):
    p_i, p_f, p_o = w.values["peepholes"]
    i = sigmoid(w.x(x, 0) + w.h(h, 0) + p_i * c)
    f = sigmoid(w.x(x, 1) + w.h(h, 1) + p_f * c)
    g = np.tanh(w.x(x, 2) + w.h(h, 2))
    new = f * c + i * g
    o = sigmoid(w.x(x, 3) + w.h(h, 3) + p_o * new)
    return (o * np.tanh(new), new), {"i": i, "f": f, "g": g, "o": o}


def coupled(w, x, h, c):
    f, o = (sigmoid(w.x(x, k) + w.h(h, k)) for k in (0, 1))
    g = np.tanh(w.x(x, 2) + w.h(h, 2))
    c = f * c + (1 - f) * g
    return (o * np.tanh(c), c), {"f": f, "g": g, "o": o}


def gru(w, x, h):
    r, z = (sigmoid(w.x(x, k) + w.h(h, k)) for k in (0, 1))
    n = np.tanh(w.x(x, 2) + w.h(r * h, 0, "candidate"))
    return (z * h + (1 - z) * n,), {"r": r, "z": z, "n": n}


def gru_torch(w, x, h):
    r, z = (sigmoid(w.x(x, k) + w.h(h, k)) for k in (0, 1))
    n = np.tanh(w.x(x, 2) + r * (w.h(h, 2) + w.values["reset_bias"]))
    return (z * h + (1 - z) * n,), {"r": r, "z": z, "n": n}


def mut1(w, x, h):
    x = w.entered(x)
    r = sigmoid(w.x(x, 0) + w.h(h))
    z = sigmoid(w.x(x, 1))
    n = np.tanh(w.h(r * h, 0, "candidate") + np.tanh(x) + w.values["identity_bias"])
    return (n * z + h * (1 - z),), {"r": r, "n": n, "z": z}


def mut2(w, x, h):
    x = w.entered(x)
    z = sigmoid(w.x(x, 0) + w.h(h, 0))
    r = sigmoid(x + w.h(h, 1) + w.values["identity_bias"])
    n = np.tanh(w.h(r * h, 0, "candidate") + w.x(x, 1))
    return (n * z + h * (1 - z),), {"z": z, "r": r, "n": n}


def mut3(w, x, h):
    z = sigmoid(w.x(x, 0) + w.h(np.tanh(h), 0, "update"))
    r = sigmoid(w.x(x, 1) + w.h(h))
    n = np.tanh(w.h(r * h, 0, "candidate") + w.x(x, 2))
    return (n * z + h * (1 - z),), {"z": z, "r": r, "n": n}


EQUATIONS = {f.__name__: f for f in (elman, lstm, peephole, coupled, gru, gru_torch, mut1, mut2, mut3)}


def test_every_cell_of_one_layer_has_its_equation_here():
    assert set(EQUATIONS) == set(CELLS) - {"stacked"}


@pytest.mark.parametrize("input_dim", [E, H])
@pytest.mark.parametrize("name", sorted(EQUATIONS))
def test_agrees_with_the_equation_written_out(name, input_dim):
    torch.manual_seed(0)
    cell = CELLS.build({"name": name, "hidden_dim": H}, input_dim=input_dim).double()
    for parameter in cell.parameters():
        torch.nn.init.normal_(parameter)
    x_NTE = torch.randn(N, T, input_dim, dtype=torch.double)
    state = tuple(torch.randn(N, H, dtype=torch.double) for _ in range(cell.num_states))
    with torch.no_grad():
        outputs_NTH, last = cell(x_NTE, state)
        gates, states = cell.trace(x_NTE, state)
    weights, now = Weights(cell), tuple(leaf.numpy() for leaf in state)
    for t in range(T):
        now, expected = EQUATIONS[name](weights, x_NTE[:, t].numpy(), *now)
        np.testing.assert_allclose(outputs_NTH[:, t].numpy(), now[0], atol=1e-10, rtol=0)
        for found, leaf in zip(states, now, strict=True):
            np.testing.assert_allclose(found[:, t].numpy(), leaf, atol=1e-10, rtol=0)
        assert set(gates) == set(expected)
        for gate, value in expected.items():
            np.testing.assert_allclose(gates[gate][:, t].numpy(), value, atol=1e-10, rtol=0)
    for found, leaf in zip(last, now, strict=True):
        np.testing.assert_allclose(found.numpy(), leaf, atol=1e-10, rtol=0)


def test_elman_with_relu():
    torch.manual_seed(0)
    cell = CELLS.build({"name": "elman", "hidden_dim": H, "nonlinearity": "relu"}, input_dim=E).double()
    x_NE, h_NH = torch.randn(N, E, dtype=torch.double), torch.randn(N, H, dtype=torch.double)
    weights = Weights(cell)
    expected = np.maximum(0, weights.x(x_NE.numpy(), 0) + weights.h(h_NH.numpy()))
    with torch.no_grad():
        for found in (cell(x_NE.unsqueeze(1), (h_NH,)).state, cell.fused(x_NE.unsqueeze(1), (h_NH,)).state):
            np.testing.assert_allclose(found[0].numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "matrices"),
    [("elman", 2), ("mut1", 4), ("mut2", 5), ("mut3", 6), ("gru", 6), ("coupled", 6), ("lstm", 8)],
)
def test_cells_have_as_many_matrices_as_their_equations(name, matrices):
    """Where E = H: nothing is projected that the paper takes as it is."""
    cell = CELLS.build({"name": name, "hidden_dim": H}, input_dim=H)
    assert sum(p.numel() for p in cell.parameters() if p.dim() == 2) == matrices * H * H
