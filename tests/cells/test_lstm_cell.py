import numpy as np
import torch

from captioner.cells.lstm import LSTMCell

N, T, E, H = 3, 6, 5, 4


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_agrees_with_torch():
    ours, theirs = LSTMCell(E, H), torch.nn.LSTM(E, H, batch_first=True)
    with torch.no_grad():
        ours.input.bias.uniform_(-1, 1)
        theirs.weight_ih_l0.copy_(ours.input.weight)
        theirs.weight_hh_l0.copy_(ours.recurrent.weight)
        theirs.bias_ih_l0.copy_(ours.input.bias)
        theirs.bias_hh_l0.zero_()
    x_NTE, h_NH, c_NH = torch.randn(N, T, E), torch.randn(N, H), torch.randn(N, H)
    outputs_NTH, (h_1NH, c_1NH) = theirs(x_NTE, (h_NH[None], c_NH[None]))
    ran = ours(x_NTE, (h_NH, c_NH))
    torch.testing.assert_close(ran, (outputs_NTH, (h_1NH[0], c_1NH[0])))


def test_agrees_with_the_equation_written_out():
    cell = LSTMCell(E, H).double()
    x, h, c = np.random.default_rng(0).normal(size=(3, N, max(E, H)))
    x, h, c = x[:, :E], h[:, :H], c[:, :H]
    W, U, b = (p.detach().numpy() for p in (cell.input.weight, cell.recurrent.weight, cell.input.bias))
    gate = [
        x @ W[k * H : (k + 1) * H].T + h @ U[k * H : (k + 1) * H].T + b[k * H : (k + 1) * H] for k in range(4)
    ]
    c_new = sigmoid(gate[1]) * c + sigmoid(gate[0]) * np.tanh(gate[2])
    h_new = sigmoid(gate[3]) * np.tanh(c_new)
    with torch.no_grad():
        found = cell.step(cell.project(torch.from_numpy(x)), (torch.from_numpy(h), torch.from_numpy(c)))
    np.testing.assert_allclose(found[0].numpy(), h_new, atol=1e-12)
    np.testing.assert_allclose(found[1].numpy(), c_new, atol=1e-12)


def test_forget_bias_is_that_of_the_forget_gate_alone():
    bias = LSTMCell(E, H, forget_bias=2.5).input.bias.view(4, H)
    assert (bias[1] == 2.5).all()
    assert (bias[[0, 2, 3]] == 0).all()
