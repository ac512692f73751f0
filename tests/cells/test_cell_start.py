"""Initial weights: bounds, spread, orthogonality, and the bias of the forget gate."""

import math

import pytest
import torch

from captioner.cells.base import CELLS
from captioner.errors import UserError

E, H = 30, 40
ONE_LAYER = [name for name in sorted(CELLS) if name != "stacked"]
WITH_MATRIX = [name for name in ONE_LAYER if CELLS[name].recurrent_matrices]
WITH_FORGET_GATE = [name for name in ONE_LAYER if CELLS[name].forget_gate]

LSTMS = ("lstm", "coupled", "peephole", "slstm")


def make(name, **options):
    torch.manual_seed(0)
    return CELLS.build({"name": name, "hidden_dim": H, **options}, input_dim=E)


def recurrent_weights(cell):
    return [p for p in cell.parameters() if p.dim() == 2 and min(p.shape) > 3]


@pytest.mark.parametrize("name", ONE_LAYER)
@pytest.mark.parametrize(("options", "bound"), [({}, 1 / math.sqrt(H)), ({"init_scale": 0.08}, 0.08)])
def test_uniform_weights_fill_their_range(name, options, bound):
    for matrix in recurrent_weights(make(name, **options)):
        assert 0.97 * bound < matrix.max() <= bound
        assert -bound <= matrix.min() < -0.97 * bound


@pytest.mark.parametrize("name", ONE_LAYER)
def test_normal_weights_have_the_spread_asked_for(name):
    for matrix in recurrent_weights(make(name, init="normal", init_scale=0.01)):
        assert matrix.std().item() == pytest.approx(0.01, rel=0.1)
        assert matrix.abs().max() > 0.025


@pytest.mark.parametrize("name", WITH_MATRIX)
@pytest.mark.parametrize(("options", "value"), [({}, 1.0), ({"init_scale": 1.3}, 1.3)])
def test_every_gates_recurrent_block_is_orthogonal(name, options, value):
    cell = make(name, init="orthogonal", **options)
    for matrix in cell.recurrent_weights().values():
        for block_HH in matrix.split(H):
            torch.testing.assert_close(torch.linalg.svdvals(block_HH), torch.full((H,), value))
    assert cell.input.weight.abs().max() <= 1 / math.sqrt(H)


@pytest.mark.parametrize("name", WITH_FORGET_GATE)
def test_the_forget_bias_keeps_the_old_state(name):
    """With a large one the state stays what it was; with a large negative one nothing of it is left."""
    state = tuple(torch.randn(2, H) for _ in range(make(name).num_states))
    x_NTE = torch.zeros(2, 1, E)
    kept, lost = (make(name, forget_bias=bias, init_scale=0.01).trace(x_NTE, state) for bias in (30.0, -30.0))
    before, kept_NH, lost_NH = (memory_of(name, s) for s in (state, first(kept.states), first(lost.states)))
    # The candidates of the minimal cells are 0.5 where x is 0.
    nothing = 0.5 if name.startswith("min") else 0.0
    torch.testing.assert_close(kept_NH, before, atol=0.1, rtol=0)
    assert (lost_NH - nothing).abs().max() < 0.3 * before.abs().max()


def first(states):
    return tuple(leaf_NTH[:, 0] for leaf_NTH in states)


def memory_of(name, state):
    """What a cell remembers: of an slstm c without its stabiliser m, else the last tensor of the state."""
    return state[1] * state[3].exp() if name == "slstm" else state[-1]


@pytest.mark.parametrize("name", ONE_LAYER)
def test_all_other_biases_start_at_zero(name):
    cell = make(name)
    biases = torch.cat([p.flatten() for key, p in cell.named_parameters() if "bias" in key])
    assert (biases != 0).sum() == {**dict.fromkeys(LSTMS, H), "min_lstm": 2 * H}.get(name, 0)


@pytest.mark.parametrize("name", [*LSTMS, "min_lstm"])
def test_lstms_start_with_a_forget_bias_of_one(name):
    cell = make(name)
    bias = cell.input.bias.view(-1, H)
    assert (bias[cell.gates.index("f")] == 1).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "lstm", "init_scale": 0.0}, "init_scale must be above 0"),
        ({"name": "elman", "forget_bias": 1.0}, "has no option 'forget_bias'"),
        ({"name": "gru", "init": "ortogonal"}, "init must be uniform, normal or orthogonal, not"),
        ({"name": "min_gru", "init": "orthogonal"}, "this cell has none"),
        ({"name": "rg_lru", "forget_bias": 1.0}, "has no option 'forget_bias'"),
        ({"name": "ind_rnn", "recurrent_max": 0.0}, "recurrent_max must be above 0"),
        ({"name": "slstm", "hidden_dim": 6, "num_heads": 4}, "num_heads must divide hidden_dim = 6"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(UserError, match=message):
        CELLS.build(options, input_dim=E)


def test_what_an_rg_lru_keeps_starts_in_the_range_of_the_paper():
    torch.manual_seed(0)
    decay_H = CELLS.build({"name": "rg_lru", "hidden_dim": 4000}, input_dim=E).decay.detach()
    kept_H = decay_H.double().sigmoid() ** 8
    assert 0.9 <= kept_H.min() < 0.901
    assert 0.998 < kept_H.max() <= 0.99901
    assert kept_H.mean().item() == pytest.approx((0.9 + 0.999) / 2, abs=0.002)


def test_every_head_of_an_slstm_is_orthogonal_and_sees_itself_alone():
    cell = make("slstm", num_heads=5, init="orthogonal")
    U_4HH = cell.recurrent_weights()["recurrent"]
    for block_HH in U_4HH.split(H):
        torch.testing.assert_close(block_HH @ block_HH.T, torch.eye(H), atol=1e-5, rtol=0)
    outside = torch.block_diag(*[torch.ones(H // 5, H // 5)] * 5).repeat(4, 1) == 0
    assert not U_4HH[outside].any()
