"""What every cell of one layer is: an equation.      N rows, T time, E input, H hidden, G projected."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from captioner.cells.base import Cell, CellOutput, State, Trace, stack_states
from captioner.cells.deferred_gradients import DeferredWeightGradients
from captioner.cells.init import Init, initialise

PreActivations = tuple[Tensor, ...]
"""The input's part of the gates, parted as the products are (a block each, in their order), then the rest."""

RecurrentMatmul = Callable[[Tensor, Tensor, str], Tensor]
"""recurrent_matmul(block, u, name) = block + u W^T, where `name` is the product's."""

StateUpdate = Callable[[State, State], State]
"""What becomes of a new state beside the old one (zoneout keeps some of the old)."""

ROWS = 1024
"""Rows of a piece of a sequence on a CPU: products as quick as those of more, results that stay cached."""


class CellStep(NamedTuple):
    """One step of a cell."""

    state: State
    gates: tuple[Tensor, ...]  # as `gates` names them


class Recurrence(Cell):
    """A cell of one layer. Subclasses write its equation once, in `cell_step`; everything else follows.

    `gates` names the parts of size H in the order of the rows of the input's matrix. `recurrent_matrices` names the
    recurrent matrices, and the gates each makes: the first products make the first gates. Whole sequences
    are computed by pieces, with the input's part before the loop and weight gradients after it
    (`late.DeferredWeightGradients`), or by `fused` where that is the quickest exact way.
    """

    gates: ClassVar[tuple[str, ...]]
    recurrent_matrices: ClassVar[Mapping[str, tuple[str, ...]]]
    forget_gate: ClassVar[tuple[str, float] | None] = None
    """The gate that decides what is kept, if there is one, and the sign of a bias that keeps more."""
    identity_input_gate: ClassVar[str | None] = None
    """The gate that takes the input itself and not a product with it, if there is one."""
    fused_on: ClassVar[frozenset[str]] = frozenset()
    """Kinds of device on which `fused` is the quickest way."""

    input: nn.Linear
    recurrent: nn.Linear

    def __init__(
        self,
        input_dim: int,
        hidden_dim: int = 512,
        forget_bias: float = 0.0,
        init: Init = "uniform",
        init_scale: float | None = None,
    ) -> None:
        """Make and initialise the matrices; biases start at 0, `forget_bias` in the gate that keeps."""
        super().__init__(input_dim, hidden_dim)
        reading = [gate for gate in self.gates if gate != self.identity_input_gate]
        self.input = nn.Linear(input_dim, len(reading) * hidden_dim)
        self.projected_dim = self.input.out_features
        for name, gates in self.recurrent_matrices.items():
            self.add_module(name, nn.Linear(hidden_dim, len(gates) * hidden_dim, bias=False))
        initialise([self.input.weight], list(self.recurrent_weights().values()), hidden_dim, init, init_scale)
        nn.init.zeros_(self.input.bias)
        if self.forget_gate is not None:
            gate, sign = self.forget_gate
            bias_H = self.input.bias.view(-1, hidden_dim)[reading.index(gate)]
            nn.init.constant_(bias_H, sign * forget_bias)
        self.add_parameters()

    def add_parameters(self) -> None:
        """Make the parameters beside the matrices and the input's bias, in cells that have some."""

    @abstractmethod
    def cell_step(
        self, preactivations: PreActivations, state: State, recurrent_matmul: RecurrentMatmul
    ) -> CellStep:
        """The equation, for one step of N rows; every recurrent product is made by `add`, once."""

    def fused(self, x_NTE: Tensor, state: State) -> CellOutput:
        """A whole sequence in torch's own kernel, cuDNN's on a GPU, in cells where that is exact."""
        raise NotImplementedError(f"torch has no kernel for {type(self).__name__}")

    def recover_states(self, gates: dict[str, Tensor], state: State) -> State:
        """States but the first at every time, each (N, T, H), from all gates: where `fused` hides them."""
        return ()

    def recurrent_weights(self) -> dict[str, Tensor]:
        """The recurrent matrices (k H, H) by the names of `recurrent_matrices`."""
        return {name: self.get_parameter(f"{name}.weight") for name in self.recurrent_matrices}

    def project(self, x: Tensor) -> Tensor:
        """(..., E) -> (..., G): W x + b."""
        projected: Tensor = self.input(x)
        return projected

    def preactivations(self, projected: Tensor) -> PreActivations:
        """(..., G) -> preactivations: the rest of what needs no state."""
        if len(self.recurrent_matrices) == 1:  # the gradient of a split is a copy
            return (projected,)
        sizes = [len(gates) * self.hidden_dim for gates in self.recurrent_matrices.values()]
        return torch.split(projected, sizes, dim=-1)

    def step(self, projected_NG: Tensor, state: State) -> State:
        """The state after one more input."""
        return self.cell_step(self._given(projected_NG, state), state, self._add).state

    def cell_steps(
        self, x_NTE: Tensor, state: State, state_update: StateUpdate | None = None
    ) -> Iterator[CellStep]:
        """Every step; of each piece the input's part before the loop, gradients of the matrices after it."""
        for piece_NTE in torch.split(x_NTE, _steps(x_NTE), dim=1):
            preactivations = self._given(self.project(piece_NTE.contiguous()), state)
            products = DeferredWeightGradients(self.recurrent_weights())
            received = [
                products.receive(name, preactivations[i]) for i, name in enumerate(self.recurrent_matrices)
            ]
            rest = [block.unbind(dim=1) for block in preactivations[len(received) :]]
            for now in zip(*received, *rest, strict=True):
                step = self.cell_step(now, state, products.add)
                if state_update is not None:
                    step = step._replace(state=state_update(step.state, state))
                state = step.state
                yield step

    def forward(self, x_NTE: Tensor, state: State) -> CellOutput:
        """Run a whole sequence, T at least 1, by the quickest exact way."""
        if x_NTE.device.type in self.fused_on:
            return self.fused(x_NTE, state)
        return self.unroll(x_NTE, state)

    def unroll(self, x_NTE: Tensor, state: State, state_update: StateUpdate | None = None) -> CellOutput:
        """Run a whole sequence by the loop."""
        outputs = []
        for step in self.cell_steps(x_NTE, state, state_update):
            state = step.state
            outputs.append(state[0])
        return CellOutput(torch.stack(outputs, dim=1), state)

    def trace(self, x_NTE: Tensor, state: State, state_update: StateUpdate | None = None) -> Trace:
        """Every gate and state of a sequence: from the loop, or recovered from what `fused` returns."""
        if state_update is None and x_NTE.device.type in self.fused_on:
            return self.recover(x_NTE, state)
        cell_steps = list(self.cell_steps(x_NTE, state, state_update))
        gates = stack_states([step.gates for step in cell_steps])
        return Trace(
            dict(zip(self.gates, gates, strict=True)), stack_states([step.state for step in cell_steps])
        )

    def recover(self, x_NTE: Tensor, state: State) -> Trace:
        """Gates see x_t and h_{t-1}; with all h known, those of all times are one product more."""
        outputs_NTH = self.fused(x_NTE, state).outputs_NTH
        before_NTH = torch.cat([state[0].unsqueeze(1), outputs_NTH[:, :-1]], dim=1)
        shape = outputs_NTH.shape
        unknown = tuple(torch.zeros_like(before_NTH).flatten(0, 1) for _ in state[1:])
        preactivations = self._given(self.project(x_NTE).flatten(0, 1), state)
        found = self.cell_step(preactivations, (before_NTH.flatten(0, 1), *unknown), self._add).gates
        gates = {name: gate.view(shape) for name, gate in zip(self.gates, found, strict=True)}
        return Trace(gates, (outputs_NTH, *self.recover_states(gates, state)))

    def _given(self, projected: Tensor, state: State) -> PreActivations:
        """PreActivations; those without a product as precise as the state, in mixed precision too."""
        preactivations, count = self.preactivations(projected), len(self.recurrent_matrices)
        return *preactivations[:count], *(block.to(state[0].dtype) for block in preactivations[count:])

    def _add(self, sum_MK: Tensor, fed_MH: Tensor, name: str) -> Tensor:
        return torch.addmm(sum_MK, fed_MH, self.get_parameter(f"{name}.weight").T).to(fed_MH.dtype)


def _steps(x_NTE: Tensor) -> int:
    """How many steps are one piece; all of them on a GPU, where it is the number of kernels that costs."""
    N, T, _ = x_NTE.shape
    return max(1, ROWS // max(1, N)) if x_NTE.device.type == "cpu" else T
