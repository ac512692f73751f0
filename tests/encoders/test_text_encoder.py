"""A text encoder equals torch's own LSTMs, and any cell run step by step."""

import pytest
import torch
from torch import nn

from captioner.cells.base import CELLS
from captioner.encoders.text_encoder import TextEncoder
from captioner.errors import UserError
from captioner.registry import check_options

N, T, V, E, H = 3, 5, 11, 4, 7


def encoder(seed=0, **options):
    torch.manual_seed(seed)
    options = {"cell": {"name": "lstm", "hidden_dim": H}, "embed_dim": E} | options
    made = TextEncoder(V, **options).double().eval()
    for parameter in made.parameters():
        nn.init.normal_(parameter)
    return made


def torch_lstm(cell):
    theirs = nn.LSTM(E, H, batch_first=True).double()
    theirs.load_state_dict(
        {
            "weight_ih_l0": cell.input.weight,
            "weight_hh_l0": cell.recurrent.weight,
            "bias_ih_l0": cell.input.bias,
            "bias_hh_l0": torch.zeros(4 * H),
        }
    )
    return theirs


@pytest.fixture
def tokens_NT():
    return torch.randint(V, (N, T), generator=torch.Generator().manual_seed(1))


def test_two_directions_equal_torchs_bidirectional_lstm(tokens_NT):
    ours = encoder(bidirectional=True)
    x_NTE = ours.words(tokens_NT)
    forth, (h, c) = torch_lstm(ours.cells[0])(x_NTE)
    back, (h_back, c_back) = torch_lstm(ours.cells[1])(x_NTE.flip(1))
    encoded = ours(tokens_NT)
    torch.testing.assert_close(encoded.outputs_NTF, torch.cat([forth, back.flip(1)], dim=-1))
    torch.testing.assert_close(encoded.state_NS, torch.cat([h[0], c[0], h_back[0], c_back[0]], dim=-1))
    assert encoded.outputs_NTF.shape == (N, T, ours.feature_dim)
    assert encoded.state_NS.shape == (N, ours.state_dim)


@pytest.mark.parametrize("name", sorted(CELLS))
def test_every_cell_equals_its_steps_over_the_words(name, tokens_NT):
    ours = encoder(cell={"name": name, "hidden_dim": H})
    cell = ours.cells[0]
    state = cell.zero_state(ours.words(tokens_NT[:, 0]))
    for token_N in tokens_NT.unbind(dim=1):
        state = cell.step(cell.project(ours.words(token_N)), state)
    encoded = ours(tokens_NT)
    torch.testing.assert_close(encoded.outputs_NTF[:, -1], state[0])
    torch.testing.assert_close(encoded.state_NS, torch.cat(state, dim=-1))


def test_reverse_encodes_the_reversed_sentence_and_squash_applies_tanh_to_the_words(tokens_NT):
    plain, reverse, squash = encoder(), encoder(reverse=True), encoder(squash=True)
    torch.testing.assert_close(reverse(tokens_NT).state_NS, plain(tokens_NT.flip(1)).state_NS)
    x_NTE = squash.words(tokens_NT).tanh()
    torch.testing.assert_close(squash(tokens_NT).outputs_NTF, torch_lstm(squash.cells[0])(x_NTE)[0])


def test_dropout_is_for_training_alone(tokens_NT):
    made = encoder(dropout=0.5)
    torch.testing.assert_close(made(tokens_NT), encoder()(tokens_NT))
    made.train()
    assert not torch.allclose(made(tokens_NT).state_NS, encoder()(tokens_NT).state_NS)


def test_mistakes_are_refused():
    with pytest.raises(UserError, match="text_encoder: embed_dim must be at least 1, not 0"):
        check_options("text_encoder", TextEncoder, {"embed_dim": 0}, facts=("vocab_size",))
    with pytest.raises(UserError, match="both directions"):
        encoder(bidirectional=True, reverse=True)
