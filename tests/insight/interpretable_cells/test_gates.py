"""Gate statistics of every cell against sums over a trace, and half-lives in closed form."""

import numpy as np
import pytest
import torch

from captioner.cells.base import CELLS
from captioner.insight.interpretable_cells.gates import draw_saturation, gate_statistics
from captioner.insight.interpretable_cells.recording import Recording
from captioner.insight.interpretable_cells.signals import Signal
from captioner.insight.interpretable_cells.units import layers_of, signals_of

N, T, E, H = 3, 50, 5, 4


def recording_of(signals):
    values = torch.cat(list(signals.values()), dim=-1).flatten(0, 1).half().numpy()
    nothing = np.zeros((len(values), 5))
    return Recording(
        list(signals),
        signals[next(iter(signals))].shape[-1],
        values,
        np.zeros(len(values), np.float32),
        nothing.astype(np.int16),
        nothing.astype(np.float16),
    )


@pytest.mark.parametrize("name", sorted(CELLS))
def test_every_cell_has_statistics_of_its_gates(name, tmp_path):
    torch.manual_seed(2)
    cell = CELLS.build({"name": name, "hidden_dim": H}, input_dim=E)
    for parameter in cell.parameters():
        torch.nn.init.normal_(parameter, std=1.5)
    x_NTE = torch.randn(N, T, E)
    with torch.no_grad():
        signals = signals_of(cell, cell.trace(x_NTE, cell.zero_state(x_NTE[:, 0])))
    found = gate_statistics(recording_of(signals), layers_of(cell))
    layers = layers_of(cell)
    for gate, left in found.left.items():
        values = signals[gate].half().float().flatten(0, 1)
        assert 0 <= values.min() <= values.max() <= 1
        np.testing.assert_allclose(left, (values < 0.1).float().mean(0), atol=1e-6)
        np.testing.assert_allclose(found.right[gate], (values > 0.9).float().mean(0), atol=1e-6)
    sigmoids = {
        "lstm": "ifo",
        "peephole": "ifo",
        "coupled": "fo",
        "gru": "rz",
        "gru_torch": "rz",
        "min_gru": "z",
    }
    if name in sigmoids:
        assert "".join(gate.kind for gate in found.left) == sigmoids[name]
    assert set(found.half_lives) == {n for n, layer in enumerate(layers, 1) if layer.forget_gate}
    assert set(found.dead) == set(range(1, len(layers) + 1))
    draw_saturation(tmp_path / "gates.png", found, name)
    assert (tmp_path / "gates.png").stat().st_size > 5_000


@pytest.mark.parametrize(("name", "kept"), [("lstm", 0.5), ("lstm", 0.75), ("min_gru", 0.8)])
def test_the_half_life_of_a_memory_that_loses_a_constant_share(name, kept):
    """A memory of which a share k is kept at every character halves after ln 2 / -ln k."""
    layer = CELLS.build({"name": name, "hidden_dim": H}, input_dim=E)
    gate, sign = layer.forget_gate
    value = kept if sign > 0 else 1 - kept
    signals = {Signal(1, "h"): torch.zeros(1, T, H), Signal(1, gate): torch.full((1, T, H), value)}
    found = gate_statistics(recording_of(signals), [layer])
    np.testing.assert_allclose(found.half_lives[1], np.log(2) / -np.log(kept), rtol=2e-3)
    assert found.dead[1] == list(range(H))
