"""Layers of cells against torch's, and each operation between layers against its definition."""

import pytest
import torch
import torch.nn.functional as F

from captioner.cells.base import CELLS
from captioner.errors import UserError

N, T, E, H = 3, 6, 5, 4


def make(num_layers=3, name="lstm", **options):
    torch.manual_seed(0)
    config = {"name": "stacked", "hidden_dim": H, "cell": {"name": name}, "num_layers": num_layers, **options}
    cell = CELLS.build(config, input_dim=E).double()
    for parameter in cell.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    x_NTE = torch.randn(N, T, E, dtype=torch.double)
    return cell, x_NTE, tuple(torch.randn(N, H, dtype=torch.double) for _ in range(cell.num_states))


def stepped(cell, x_NTE, state):
    states = []
    for x_NE in x_NTE.unbind(dim=1):
        state = cell.step(cell.project(x_NE), state)
        states.append(state)
    return states


def test_agrees_with_torchs_layers():
    cell, x_NTE, state = make()
    theirs = torch.nn.LSTM(E, H, num_layers=3, batch_first=True).double()
    with torch.no_grad():
        for number, layer in enumerate(cell.layers):
            getattr(theirs, f"weight_ih_l{number}").copy_(layer.input.weight)
            getattr(theirs, f"weight_hh_l{number}").copy_(layer.recurrent.weight)
            getattr(theirs, f"bias_ih_l{number}").copy_(layer.input.bias)
            getattr(theirs, f"bias_hh_l{number}").zero_()
    h, c = torch.stack(state[4::-2]), torch.stack(state[5::-2])  # theirs has the first layer first
    outputs_NTH, (h_3NH, c_3NH) = theirs(x_NTE, (h, c))
    ran = cell(x_NTE, state)
    torch.testing.assert_close(ran.outputs_NTH, outputs_NTH)
    torch.testing.assert_close(ran.state[0::2], tuple(h_3NH.flip(0)))
    torch.testing.assert_close(ran.state[1::2], tuple(c_3NH.flip(0)))


@pytest.mark.parametrize("name", sorted(set(CELLS) - {"stacked"}))
@pytest.mark.parametrize(
    "options", [{"residual": True, "layer_norm": True}, {"zoneout": 0.3}, {"dropout": 0.5, "residual": True}]
)
def test_a_sequence_equals_its_steps_and_its_trace_around_every_cell(name, options):
    cell, x_NTE, state = make(2, name, **options)
    cell.eval()
    states = stepped(cell, x_NTE, state)
    ran, traced = cell(x_NTE, state), cell.trace(x_NTE, state)
    torch.testing.assert_close(ran.outputs_NTH, torch.stack([s[0] for s in states], dim=1))
    torch.testing.assert_close(ran.state, states[-1])
    torch.testing.assert_close(traced.states, tuple(torch.stack(s, dim=1) for s in zip(*states, strict=True)))
    assert set(traced.gates) == {f"{n}.{gate}" for n in (1, 2) for gate in cell.layers[0].gates}


def test_norm_and_residual_stand_where_the_docstring_says():
    cell, x_NTE, state = make(2, "elman", residual=True, layer_norm=True)
    y_NH, upper_NH, lower_NH = state
    assert y_NH.shape == (N, H)  # no layer reads it
    (first,) = cell.layers[0].step(cell.project(x_NTE[:, 0]), (lower_NH,))
    u_NH = F.layer_norm(first, (H,), cell.norms[0].weight, cell.norms[0].bias)
    (second,) = cell.layers[1].step(cell.layers[1].project(u_NH), (upper_NH,))
    found = cell.step(cell.project(x_NTE[:, 0]), state)
    torch.testing.assert_close(found, (u_NH + second, second, first))


def test_zoneout_keeps_by_expectation_when_not_training():
    cell, x_NTE, (h_NH, c_NH) = make(1, zoneout=0.25, zoneout_memory=0.75)
    h, c = cell.layers[0].step(cell.project(x_NTE[:, 0]), (h_NH, c_NH))
    found = cell.eval().step(cell.project(x_NTE[:, 0]), (h_NH, c_NH))
    torch.testing.assert_close(found, (0.25 * h_NH + 0.75 * h, 0.75 * c_NH + 0.25 * c))


def test_zoneout_keeps_single_units_in_training():
    cell, _, _ = make(1, zoneout=0.2, zoneout_memory=0.6)
    x_NTE = torch.randn(5000, 2, E, dtype=torch.double)
    state = tuple(torch.randn(5000, H, dtype=torch.double) for _ in range(2))
    fresh = cell.layers[0].step(cell.project(x_NTE[:, 0]), state)
    found = cell(x_NTE[:, :1], state).state
    for leaf, old, new, rate in zip(found, state, fresh, (0.2, 0.6), strict=True):
        assert ((leaf == old) ^ torch.isclose(leaf, new)).all()
        assert (leaf == old).double().mean().item() == pytest.approx(rate, abs=0.02)
    twice = cell.trace(x_NTE, state).states[1]
    both = ((twice[:, 0] == state[1]) & (twice[:, 1] == twice[:, 0])).double().mean().item()
    assert both == pytest.approx(0.36, abs=0.02)  # drawn anew at every time


def layer_inputs(cell, x_NTE, state):
    """The (N, T, H) that each layer above the first gets in one run, taken from its own projection."""
    inputs = [[] for _ in cell.layers[1:]]
    for layer, seen in zip(cell.layers[1:], inputs, strict=True):
        project = type(layer).project
        layer.project = lambda x, layer=layer, seen=seen, project=project: seen.append(x) or project(layer, x)
    cell(x_NTE, state)
    return [torch.cat(chunks, dim=1) for chunks in inputs]


@pytest.mark.parametrize("variational", [False, True])
def test_dropout_between_layers(variational):
    cell, _, state = make(2, "elman", dropout=0.4, variational=variational)
    x_NTE = torch.randn(N, 400, E, dtype=torch.double)
    below_NTH = cell.layers[0](x_NTE, state[1:]).outputs_NTH
    (u_NTH,) = layer_inputs(cell, x_NTE, state)
    scale_NTH = u_NTH / below_NTH
    dropped = scale_NTH == 0
    torch.testing.assert_close(scale_NTH[~dropped], torch.full_like(scale_NTH[~dropped], 1 / 0.6))
    assert (dropped == dropped[:, :1]).all() == variational
    if not variational:
        assert dropped.double().mean().item() == pytest.approx(0.4, abs=0.03)


def test_every_layer_has_a_variational_mask_of_its_own():
    cell, _, _ = make(3, "elman", dropout=0.4, variational=True)
    x_NTE = torch.randn(500, 2, E, dtype=torch.double)
    state = tuple(torch.randn(500, H, dtype=torch.double) for _ in range(3))
    first_NTH, second_NTH = layer_inputs(cell, x_NTE, state)
    below = cell.layers[0](x_NTE, state[2:]).outputs_NTH, cell.layers[1](first_NTH, state[1:2]).outputs_NTH
    masks = [(u_NTH / y_NTH)[:, 0] > 0 for u_NTH, y_NTH in zip((first_NTH, second_NTH), below, strict=True)]
    assert [mask_NH.double().mean().item() for mask_NH in masks] == pytest.approx([0.6, 0.6], abs=0.05)
    both = (masks[0] & masks[1]).double().mean().item()
    assert both == pytest.approx(0.36, abs=0.05)  # as of independent draws


def test_steps_in_training_carry_the_masks_of_their_sequence():
    cell, x_NTE, state = make(3, "gru", dropout=0.5, variational=True)
    states = stepped(cell, x_NTE, state)
    assert [len(s) for s in states] == [3 + 2] * T
    torch.testing.assert_close(states[0][3:], states[-1][3:], rtol=0, atol=0)
    again = cell(x_NTE, (*state, *states[0][3:]))  # the same masks, whole
    torch.testing.assert_close(again.outputs_NTH, torch.stack([s[0] for s in states], dim=1))
    torch.testing.assert_close(again.state, states[-1][:3])
    assert not torch.equal(cell(x_NTE, state).outputs_NTH, cell(x_NTE, state).outputs_NTH)
    assert len(cell.eval().step(cell.project(x_NTE[:, 0]), states[0])) == 3


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        ({"name": "gur"}, "no cell 'gur'. Did you mean gru"),
        ({"name": "gru", "forgetbias": 1.0}, "cell gru has no option 'forgetbias'. Did you mean forget_bias"),
        ({"name": "gru", "hidden_dim": 5}, "cell gru has no option 'hidden_dim'"),
    ],
)
def test_a_mistake_in_the_cell_inside_is_refused_before_anything_is_built(inner, message):
    with pytest.raises(UserError, match=message):
        CELLS.check({"name": "stacked", "cell": inner}, facts=("input_dim",))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_layers": 0}, "num_layers must be at least 1, not 0"),
        ({"num_layers": 1, "dropout": 0.5}, "dropout acts between layers"),
        ({"num_layers": 1, "residual": True}, "residual acts between layers"),
        ({"variational": True}, "variational dropout needs a dropout"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1"),
        ({"zoneout": -0.1}, "zoneout must be at least 0 and below 1"),
        ({"cell": {"name": "gru"}, "zoneout_memory": 0.5}, "gru has no memory"),
        ({"cell": {"name": "stacked"}}, "must have one layer, not be 'stacked'"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(UserError, match=message):
        CELLS.build({"name": "stacked", "hidden_dim": H, **options}, input_dim=E)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize(("cell", "memory"), [("lstm", 1), ("slstm", 1), ("gru", 0)])
def test_the_memory_of_a_stack_is_that_of_its_top_layer(cell, memory, residual):
    """And what a step puts there is what the top layer's own step does."""
    torch.manual_seed(0)
    config = {"name": "stacked", "cell": {"name": cell}, "hidden_dim": 3, "residual": residual}
    stack = CELLS.build(config, input_dim=2)
    x_NE = torch.randn(2, 2)
    after = stack.step(stack.project(x_NE), stack.zero_state(x_NE))
    bottom, top = stack.layers
    below_NH = bottom.step(bottom.project(x_NE), bottom.zero_state(x_NE))[0]
    wanted = top.step(top.project(below_NH), top.zero_state(below_NH))
    torch.testing.assert_close(after[stack.memory_index], wanted[memory])
    assert top.memory_index == memory
