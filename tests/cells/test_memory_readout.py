"""Interventions on the memory of every cell, against steps done by hand."""

import pytest
import torch

from captioner.cells.base import CELLS
from captioner.errors import UserError
from captioner.insight.interpretable_cells.signals import Unit
from captioner.insight.interpretable_cells.units import (
    held_units,
    intervention,
    layer_states,
    layers_of,
    signals_of,
)

N, T, E, H = 3, 6, 5, 4
ONE_LAYER = [name for name in CELLS if name != "stacked"]
STACKS = [name for name in ONE_LAYER if name not in ("gru_torch",)]


def make(name, **options):
    torch.manual_seed(3)
    cell = CELLS.build({"name": name, "hidden_dim": H, **options}, input_dim=E).double()
    for parameter in cell.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    return cell, torch.randn(N, T, E, dtype=torch.double)


def both(name):
    """A cell alone, and two layers of it."""
    yield make(name)
    yield make("stacked", cell={"name": name}, num_layers=2, residual=True)


@pytest.mark.parametrize("name", ONE_LAYER)
def test_an_update_without_a_change_changes_no_bit(name):
    for cell, x_NTE in both(name):
        zero = cell.zero_state(x_NTE[:, 0])
        with torch.no_grad():
            loop = torch.stack([s[0] for s in stepped(cell, x_NTE, zero)], dim=1)
            for layer in layers_of(cell):
                with intervention(layer, lambda readout: readout.clone()):
                    again = torch.stack([s[0] for s in stepped(cell, x_NTE, zero)], dim=1)
                    assert torch.equal(again, loop)
                    torch.testing.assert_close(cell(x_NTE, zero).outputs_NTH, loop, atol=1e-12, rtol=0)


def stepped(cell, x_NTE, state):
    states = []
    for x_NE in x_NTE.unbind(dim=1):
        state = cell.step(cell.project(x_NE), state)
        states.append(state)
    return states


@pytest.mark.parametrize("name", ONE_LAYER)
def test_a_held_unit_has_its_value_after_every_step_and_others_follow(name):
    """Whole sequences, traces and single steps agree; the unit is at its value; what it feeds has moved."""
    for cell, x_NTE in both(name):
        zero = cell.zero_state(x_NTE[:, 0])
        held = {Unit(1, 2): 0.3, Unit(len(layers_of(cell)), 1): 0.7}
        with torch.no_grad(), held_units(cell, held):
            states = stepped(cell, x_NTE, zero)
            outputs_NTH = cell(x_NTE, zero).outputs_NTH
            traced = signals_of(cell, cell.trace(x_NTE, zero))
        torch.testing.assert_close(
            outputs_NTH, torch.stack([s[0] for s in states], dim=1), atol=1e-12, rtol=0
        )
        for unit, value in held.items():
            layer = layers_of(cell)[unit.layer - 1]
            for state in states:
                readout_NH = layer.read_memory(layer_states(cell, state)[unit.layer - 1])
                torch.testing.assert_close(readout_NH[:, unit.number], torch.full((N,), value).double())
            kind = "c" if layer.memory_index else "h"
            shown = next(v for k, v in traced.items() if k.layer == unit.layer and k.kind == kind)
            torch.testing.assert_close(shown[..., unit.number], torch.full((N, T), value).double())
        free = cell(x_NTE, zero).outputs_NTH
        assert not torch.allclose(free, outputs_NTH)
        assert all(layer.readout_update is None for layer in layers_of(cell))


def test_the_output_of_an_lstm_follows_from_the_memory_put_in():
    """By hand: c = atanh(value), h = o * value, with o from the equation; the next step starts from there."""
    cell, x_NTE = make("lstm")
    h, c = (leaf for leaf in torch.randn(2, N, H, dtype=torch.double))
    value, unit = -0.4, 2
    expected_h, expected_c = h, c
    for x_NE in x_NTE.unbind(dim=1):
        a = x_NE @ cell.input.weight.T + cell.input.bias + expected_h @ cell.recurrent.weight.T
        i, f, g, o = (
            a[:, :H].sigmoid(),
            a[:, H : 2 * H].sigmoid(),
            a[:, 2 * H : 3 * H].tanh(),
            a[:, 3 * H :].sigmoid(),
        )
        expected_c = f * expected_c + i * g
        expected_c = torch.cat(
            [expected_c[:, :unit], torch.full((N, 1), value).double().atanh(), expected_c[:, unit + 1 :]],
            dim=1,
        )
        expected_h = o * expected_c.tanh()
    with held_units(cell, {Unit(1, unit): value}):
        found = cell(x_NTE, (h, c)).state
    torch.testing.assert_close(found, (expected_h, expected_c))


def test_layers_are_counted_from_the_lowest():
    cell, x_NTE = make("stacked", cell={"name": "lstm"}, num_layers=2)
    zero = cell.zero_state(x_NTE[:, 0])
    below = cell.layers[0](x_NTE, (zero[0], zero[1])).outputs_NTH
    signals = {str(key): value for key, value in signals_of(cell, cell.trace(x_NTE, zero)).items()}
    torch.testing.assert_close(signals["1.h"], below)
    torch.testing.assert_close(signals["2.h"], cell(x_NTE, zero).outputs_NTH)
    assert list(signals) == [f"{layer}.{kind}" for layer in (1, 2) for kind in "hcifgo"]


@pytest.mark.parametrize("unit", [Unit(0, 0), Unit(2, 0), Unit(1, H), Unit(1, -1)])
def test_a_unit_that_is_not_there_is_refused(unit):
    cell, _ = make("lstm")
    with (
        pytest.raises(
            UserError, match=r"There is no unit .*: the layers are 1 to 1, the units of each 0 to 3"
        ),
        held_units(cell, {unit: 1.0}),
    ):
        pass


@pytest.mark.parametrize("value", [-1.0, 1.0])
def test_a_memory_held_at_its_bound_stays_finite(value):
    cell, x_NTE = make("lstm")
    with held_units(cell.float(), {Unit(1, 0): value}):
        state = cell(x_NTE.float(), cell.zero_state(x_NTE[:, 0].float())).state
    assert all(leaf.isfinite().all() for leaf in state)
