"""Several layers of a cell as one cell.      N rows, T time, E input, H hidden, G projected."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from captioner.cells.base import CELLS, Cell, CellOutput, State, Trace
from captioner.cells.recurrence.base import Recurrence
from captioner.errors import UserError
from captioner.ranges import Dimension, Fraction, NumLayers
from captioner.registry import Inner

LayerRun = Callable[[Recurrence, Tensor, State], tuple[Tensor, State]]
"""(layer, u_l, its state) to h_l and the layer's new state."""


@CELLS.register("stacked")
class StackedCell(Cell):
    r"""Layers of one kind of cell; the input of each is the output of the layer below.

        u_l = dropout(norm(y_{l-1}))              above the first layer; norm with `layer_norm`
        h_l = cell_l(u_l, h_l)
        y_l = h_l, or u_l + h_l with `residual`   above the first layer

    The state is the layers' states, the top layer first; with `residual`, y_L comes before them. In training
    with `variational`, `step` appends its dropout masks to the state, so that the next step uses the same.

    Args:
        input_dim: E.
        hidden_dim: H of every layer.
        cell: config of the cell of each layer; None: `lstm`.
        num_layers: number of layers.
        dropout: probability that a unit between two layers is dropped.
        variational: drop the same units at all times of a sequence, with one mask per layer boundary (Gal
            and Ghahramani, 2016).
        zoneout: probability that a unit of h keeps its old value (Krueger et al., 2017): at random in
            training, by its expectation otherwise. Fused kernels cannot do this.
        zoneout_memory: likewise for the memory c of an LSTM.
        layer_norm: layer normalisation of what enters the upper layers (Ba et al., 2016), not of the gates.
        residual: add a layer's input to its output.

    Raises:
        UserError: an option has no meaning for this cell.
    """

    def __init__(
        self,
        input_dim: int,
        hidden_dim: Dimension = 512,
        cell: Annotated[Mapping[str, Any] | None, Inner(CELLS, ("input_dim", "hidden_dim"))] = None,
        num_layers: NumLayers = 2,
        dropout: Fraction = 0.0,
        variational: bool = False,
        zoneout: Fraction = 0.0,
        zoneout_memory: Fraction = 0.0,
        layer_norm: bool = False,
        residual: bool = False,
    ) -> None:
        super().__init__(input_dim, hidden_dim)
        _check(num_layers, {"dropout": dropout, "layer_norm": layer_norm, "residual": residual})
        if variational and not dropout:
            raise UserError("cell stacked: variational dropout needs a dropout above 0.")
        config = cell or {"name": "lstm"}
        self.layers = nn.ModuleList(
            CELLS.build(config, input_dim=input_dim if layer == 0 else hidden_dim, hidden_dim=hidden_dim)
            for layer in range(num_layers)
        )
        first = self.layers[0]
        if not isinstance(first, Recurrence):
            raise UserError(f"cell stacked: the cell inside must have one layer, not be {config['name']!r}.")
        if zoneout_memory and first.num_states != 2:
            raise UserError(f"cell stacked: {config['name']} has no memory for zoneout_memory to keep.")
        self.projected_dim = first.projected_dim
        self.num_states = num_layers * first.num_states + residual
        self.norms = nn.ModuleList(nn.LayerNorm(hidden_dim) for _ in range(num_layers - 1) if layer_norm)
        self.rates = (zoneout, *[zoneout_memory] * (first.num_states - 1))
        self.dropout, self.variational, self.residual = dropout, variational, residual

    @property
    def memory_index(self) -> int:
        """The place in the state of the top layer's memory."""
        first = self.layers[0]
        assert isinstance(first, Recurrence)
        return self.residual + first.memory_index

    def project(self, x: Tensor) -> Tensor:
        """Compute the first layer's part of the input: (..., E) -> (..., G)."""
        projected: Tensor = self.layers[0].project(x)  # type: ignore[operator]
        return projected

    def step(self, projected_NG: Tensor, state: State) -> State:
        """Return the state after one more input, from the first layer up."""

        def run(layer: Recurrence, u_NH: Tensor, old: State) -> tuple[Tensor, State]:
            projected = u_NH if layer is self.layers[0] else layer.project(u_NH)
            new = self._zoneout(layer.step(projected, old), old)
            return new[0], new

        masks = self._masks(state)
        return self._join_states(*self._run_layers(projected_NG, state, masks, run)) + masks

    def forward(self, x_NTE: Tensor, state: State) -> CellOutput:
        """Run a whole sequence, layer by layer; variational masks are drawn here if `state` has none."""

        def run(layer: Recurrence, u_NTH: Tensor, old: State) -> tuple[Tensor, State]:
            return layer.unroll(u_NTH, old, self._zoneout) if any(self.rates) else layer(u_NTH, old)

        outputs_NTH, after = self._run_layers(x_NTE, state, self._masks(state), run)
        return CellOutput(outputs_NTH, self._join_states(outputs_NTH[:, -1], after))

    def trace(self, x_NTE: Tensor, state: State) -> Trace:
        """Return every gate and state; `1.i` is the first layer's input gate."""
        gates: list[dict[str, Tensor]] = []

        def run(layer: Recurrence, u_NTH: Tensor, old: State) -> tuple[Tensor, State]:
            traced = layer.trace(u_NTH, old, self._zoneout if any(self.rates) else None)
            gates.append(traced.gates)
            return traced.states[0], traced.states

        states = self._join_states(*self._run_layers(x_NTE, state, self._masks(state), run))
        named = {f"{n}.{name}": gate for n, layer in enumerate(gates, 1) for name, gate in layer.items()}
        return Trace(named, states)

    def _run_layers(self, y: Tensor, state: State, masks: State, run: LayerRun) -> tuple[Tensor, list[State]]:
        """Run all layers: the output of the top one, and the new state of each."""
        after: list[State] = []
        leaves = state[self.residual : self.num_states]
        size = len(leaves) // len(self.layers)
        for number, layer in enumerate(self.layers):
            first = len(leaves) - (number + 1) * size
            u = self._layer_input(y, number, masks) if number else y
            h, new = run(layer, u, leaves[first : first + size])  # type: ignore[arg-type]
            after.append(new)
            y = u + h if self.residual and number else h
        return y, after

    def _join_states(self, y: Tensor, after: list[State]) -> State:
        top_first = tuple(leaf for layer in reversed(after) for leaf in layer)
        return (y, *top_first) if self.residual else top_first

    def _masks(self, state: State) -> State:
        """Variational dropout masks, (N, H) for each layer boundary; empty when it does not act."""
        if not (self.variational and self.training):
            return ()
        ones_NH = torch.ones_like(state[0])
        return state[self.num_states :] or tuple(F.dropout(ones_NH, self.dropout) for _ in self.layers[1:])

    def _layer_input(self, y: Tensor, number: int, masks: State) -> Tensor:
        """The input u_l, (N, H) or (N, T, H), of the layer of that number, from y_{l-1}."""
        if self.norms:
            y = self.norms[number - 1](y)
        if masks:
            mask_NH = masks[number - 1]
            return y * (mask_NH if y.dim() == 2 else mask_NH.unsqueeze(1))
        return F.dropout(y, self.dropout, self.training)

    def _zoneout(self, new: State, old: State) -> State:
        """Apply zoneout to each tensor of a layer's state."""
        return tuple(
            _zoneout_units(new_NH, old_NH, rate, self.training) if rate else new_NH
            for new_NH, old_NH, rate in zip(new, old, self.rates, strict=True)
        )


def _zoneout_units(new_NH: Tensor, old_NH: Tensor, rate: float, training: bool) -> Tensor:
    if not training:
        return torch.lerp(new_NH, old_NH, rate)
    return torch.where(torch.rand_like(new_NH) < rate, old_NH, new_NH)


def _check(num_layers: int, between: Mapping[str, Any]) -> None:
    """Refuse options that would have no effect."""
    for name, value in between.items():
        if value and num_layers == 1:
            raise UserError(f"cell stacked: {name} acts between layers; it needs num_layers above 1.")
