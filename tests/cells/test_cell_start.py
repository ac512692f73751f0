"""Initial weights: bounds, spread, orthogonality, and the bias of the forget gate."""

import math

import pytest
import torch

from captioner.cells.base import CELLS
from captioner.errors import UserError

E, H = 30, 40
ONE_LAYER = [name for name in sorted(CELLS) if name != "stacked"]
WITH_FORGET_GATE = [name for name in ONE_LAYER if CELLS[name].forget_gate]


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


@pytest.mark.parametrize("name", ONE_LAYER)
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
    kept = make(name, forget_bias=30.0, init_scale=0.01).trace(x_NTE, state).states[-1][:, 0]
    lost = make(name, forget_bias=-30.0, init_scale=0.01).trace(x_NTE, state).states[-1][:, 0]
    torch.testing.assert_close(kept, state[-1], atol=0.1, rtol=0)
    assert lost.abs().max() < 0.3 * state[-1].abs().max()


@pytest.mark.parametrize("name", ONE_LAYER)
def test_all_other_biases_start_at_zero(name):
    cell = make(name)
    biases = torch.cat([p for p in cell.parameters() if p.dim() == 1])
    assert (biases != 0).sum() == (H if name in ("lstm", "coupled", "peephole") else 0)


@pytest.mark.parametrize("name", ["lstm", "coupled", "peephole"])
def test_lstms_start_with_a_forget_bias_of_one(name):
    cell = make(name)
    bias = cell.input.bias.view(-1, H)
    assert (bias[cell.gates.index("f")] == 1).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "lstm", "init_scale": 0.0}, "init_scale must be above 0"),
        ({"name": "elman", "forget_bias": 1.0}, "has no option 'forget_bias'"),
        ({"name": "gru", "init": "ortogonal"}, "init must be Literal"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(UserError, match=message):
        CELLS.build(options, input_dim=E)
