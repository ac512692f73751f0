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


def positive(a):
    return np.where(a >= 0, a + 0.5, sigmoid(a))


def min_gru(w, x, h):
    z, n = sigmoid(w.x(x, 0)), positive(w.x(x, 1))
    return ((1 - z) * h + z * n,), {"z": z, "n": n}


def min_lstm(w, x, h):
    f, i = (sigmoid(w.x(x, k)) for k in (0, 1))
    f, i, n = f / (f + i), i / (f + i), positive(w.x(x, 2))
    return (f * h + i * n,), {"f": f, "i": i, "n": n}


def rg_lru(w, x, h):
    x = w.entered(x)
    r, i = (sigmoid(w.x(x, k)) for k in (0, 1))
    x = x + w.values["identity_bias"]
    a = sigmoid(w.values["decay"]) ** (8 * r)
    return (a * h + np.sqrt(1 - a**2) * (i * x),), {"r": r, "i": i, "x": x}


def ind_rnn(w, x, h):
    h = np.maximum(0, w.x(x, 0) + np.clip(w.values["recurrent_scale"], -1, 1) * h)
    return (h,), {"h": h}


def slstm(w, x, h, c, n, m):
    """Without a stabiliser (eq. 8 to 15), whose states are c e^m and n e^m."""
    raw_i, raw_f, raw_z, raw_o = (w.x(x, k) + w.h(h, k) for k in range(4))
    i, f, z, o = np.exp(raw_i), sigmoid(raw_f), np.tanh(raw_z), sigmoid(raw_o)
    memory = f * c * np.exp(m) + i * z
    normaliser = f * abs(n) * np.exp(m) + i
    scale = np.maximum(f * np.exp(m), i)
    gates = {"i": i / scale, "f": f * np.exp(m) / scale, "z": z, "o": o}
    return (o * memory / normaliser, memory / scale, normaliser / scale, np.log(scale)), gates


OLDER = (elman, lstm, peephole, coupled, gru, gru_torch, mut1, mut2, mut3)
EQUATIONS = {f.__name__: f for f in (*OLDER, min_gru, min_lstm, rg_lru, ind_rnn, slstm)}


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
    [
        ("ind_rnn", 1),
        ("rg_lru", 2),
        ("min_gru", 2),
        ("min_lstm", 3),
        ("elman", 2),
        ("mut1", 4),
        ("mut2", 5),
        ("mut3", 6),
        ("gru", 6),
        ("coupled", 6),
        ("lstm", 8),
        ("slstm", 8),
    ],
)
def test_cells_have_as_many_matrices_as_their_equations(name, matrices):
    """Where E = H: nothing is projected that the paper takes as it is."""
    cell = CELLS.build({"name": name, "hidden_dim": H}, input_dim=H)
    assert sum(p.numel() for p in cell.parameters() if p.dim() == 2) == matrices * H * H


def test_an_slstm_of_several_heads_is_as_many_small_ones():
    """Each with its rows of W and b, and its blocks of U."""
    torch.manual_seed(0)
    heads, D = 2, 3
    cell = CELLS.build({"name": "slstm", "hidden_dim": heads * D, "num_heads": heads}, input_dim=E).double()
    x_NTE = torch.randn(N, T, E, dtype=torch.double)
    state = tuple(torch.randn(N, heads * D, dtype=torch.double) for _ in range(4))
    outputs_NTH = cell(x_NTE, state).outputs_NTH
    for head in range(heads):
        rows = [gate * heads * D + head * D + unit for gate in range(4) for unit in range(D)]
        small = CELLS.build({"name": "slstm", "hidden_dim": D}, input_dim=E).double()
        values = {name: value[rows] for name, value in cell.state_dict().items()}
        small.load_state_dict(values)
        own = slice(head * D, (head + 1) * D)
        found = small(x_NTE, tuple(leaf[:, own] for leaf in state)).outputs_NTH
        torch.testing.assert_close(outputs_NTH[..., own], found, atol=1e-12, rtol=0)


@pytest.mark.parametrize("activation", ["sigmoid", "exp"])
def test_an_slstm_stays_finite_where_its_gates_alone_overflow(activation):
    """exp(300) is no double-precision overflow, but one in single precision, in which the cell runs here."""
    torch.manual_seed(0)
    config = {"name": "slstm", "hidden_dim": H, "forget_gate_activation": activation}
    cell = CELLS.build(config, input_dim=E)
    x_NTE = 3000 * torch.randn(N, T, E)
    single = cell(x_NTE, cell.zero_state(x_NTE[:, 0])).outputs_NTH
    double = cell.double()(x_NTE.double(), cell.zero_state(x_NTE[:, 0].double())).outputs_NTH
    assert (cell.project(x_NTE.double()).abs() > 300).any()
    torch.testing.assert_close(single.double(), double, atol=1e-3, rtol=0)


def test_an_slstm_with_an_exponential_forget_gate_by_the_equation_without_stabiliser():
    torch.manual_seed(0)
    config = {"name": "slstm", "hidden_dim": H, "forget_gate_activation": "exp"}
    cell = CELLS.build(config, input_dim=E).double()
    x_NTE = torch.randn(N, T, E, dtype=torch.double)
    with torch.no_grad():
        outputs_NTH = cell(x_NTE, cell.zero_state(x_NTE[:, 0])).outputs_NTH
    weights, h, n, c = Weights(cell), np.zeros((N, H)), 0, 0
    for t in range(T):
        raw_i, raw_f, raw_z, raw_o = (weights.x(x_NTE[:, t].numpy(), k) + weights.h(h, k) for k in range(4))
        c = np.exp(raw_f) * c + np.exp(raw_i) * np.tanh(raw_z)
        n = np.exp(raw_f) * n + np.exp(raw_i)
        h = sigmoid(raw_o) * c / n
        np.testing.assert_allclose(outputs_NTH[:, t].numpy(), h, atol=1e-10, rtol=0)
