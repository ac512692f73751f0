"""The cells that torch has too, by both ways, against torch's modules."""

import pytest
import torch

from captioner.cells.base import CELLS

N, T, E, H = 3, 6, 5, 4


def pair(name, options, module):
    """Our cell and torch's module with the same random weights; its second bias is zero where we have one."""
    torch.manual_seed(0)
    ours = CELLS.build({"name": name, "hidden_dim": H, **options}, input_dim=E)
    for parameter in ours.parameters():
        torch.nn.init.uniform_(parameter, -1, 1)
    with torch.no_grad():
        module.weight_ih_l0.copy_(ours.input.weight)
        module.weight_hh_l0.copy_(ours.recurrent.weight)
        module.bias_ih_l0.copy_(ours.input.bias)
        module.bias_hh_l0.zero_()
        if name == "gru_torch":
            module.bias_hh_l0[2 * H :] = ours.reset_bias
    return ours.double(), module.double()


@pytest.mark.parametrize("way", ["forward", "fused", "unroll"])
@pytest.mark.parametrize(
    ("name", "options", "module"),
    [
        ("elman", {}, torch.nn.RNN(E, H, batch_first=True)),
        ("elman", {"nonlinearity": "relu"}, torch.nn.RNN(E, H, nonlinearity="relu", batch_first=True)),
        ("lstm", {}, torch.nn.LSTM(E, H, batch_first=True)),
        ("gru_torch", {}, torch.nn.GRU(E, H, batch_first=True)),
    ],
)
def test_agrees_with_torch(name, options, module, way):
    ours, theirs = pair(name, options, module)
    x_NTE = torch.randn(N, T, E, dtype=torch.double)
    state = tuple(torch.randn(N, H, dtype=torch.double) for _ in range(ours.num_states))
    started = tuple(leaf.unsqueeze(0) for leaf in state)
    outputs_NTH, last = theirs(x_NTE, started if name == "lstm" else started[0])
    expected = tuple(leaf.squeeze(0) for leaf in (last if name == "lstm" else (last,)))
    torch.testing.assert_close(getattr(ours, way)(x_NTE, state), (outputs_NTH, expected))


def test_the_two_grus_are_not_the_same_cell():
    torch.manual_seed(0)
    published = CELLS.build({"name": "gru", "hidden_dim": H}, input_dim=E)
    torchs = CELLS.build({"name": "gru_torch", "hidden_dim": H}, input_dim=E)
    with torch.no_grad():
        torchs.input.load_state_dict(published.input.state_dict())
        torchs.recurrent.weight.copy_(torch.cat([published.recurrent.weight, published.candidate.weight]))
        x_NTE, state = torch.randn(N, T, E), (torch.randn(N, H),)
        difference = published(x_NTE, state).outputs_NTH - torchs(x_NTE, state).outputs_NTH
    assert difference.abs().max() > 0.01
