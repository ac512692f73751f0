"""The base of every cell of one layer.      N rows, T time, E input, H hidden, G projected, M = N*T."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from captioner.cells.base import CellOutput, State, Trace, stack_states
from captioner.cells.init import Init, initialise
from captioner.cells.recurrence.deferred_gradients import DeferredWeightGradients
from captioner.cells.recurrence.memory_readout import MemoryReadout
from captioner.device import lstm_kernel_computes_in
from captioner.errors import UserError
from captioner.ranges import Dimension, Finite, Positive

PreActivations = tuple[Tensor, ...]
"""Input pre-activations, one tensor per recurrent matrix in their order, then those that enter none."""

RecurrentMatmul = Callable[[Tensor, Tensor, str], Tensor]
"""recurrent_matmul(preactivation, u, name) = preactivation + u W^T, with the matrix W of that name."""

StateUpdate = Callable[[State, State], State]
"""state_update(new, old): the state that takes the place of the new one (zoneout keeps some of the old)."""

CHUNK_ROWS = 1024
"""Rows of a chunk of a sequence on a CPU: enough for fast products, few enough to stay in the cache."""


class CellStep(NamedTuple):
    """The state after one step, and the gates of this step."""

    state: State
    gates: tuple[Tensor, ...]  # in the order of the cell's `gates`


class Recurrence(MemoryReadout):
    """A cell of one layer. Subclasses write its equation once, in `cell_step`; everything else follows.

    Whole sequences are computed in chunks, with the input's part before the loop and weight gradients after
    it (`DeferredWeightGradients`), or by `fused` where that is the fastest exact method. Biases start at 0,
    but for that of the forget gate.

    Args:
        input_dim: E.
        hidden_dim: H.
        forget_bias: where the bias of `forget_gate` starts, times its sign; larger keeps more.
        init: initialisation of the matrices, see `init.initialise`.
        init_scale: its scale; None: the default of `init`.

    Raises:
        UserError: an option has no meaning for this cell.

    Attributes:
        gates: names of the gates, each (N, H). Rows of the input matrix are in this order.
        recurrent_matrices: each recurrent matrix and the gates it makes, if there is one; the first matrix
            makes the first gates.
        forget_gate: the gate that weights the old state, and the sign of a bias that keeps more of it; None:
            the cell has none.
        state_names: of the tensors of the state, as many as there are.
        identity_input_gate: the gate that adds the input itself and not a product with it; None: no gate.
        fused_on: device types on which `fused` is the fastest method.
    """

    gates: ClassVar[tuple[str, ...]]
    recurrent_matrices: ClassVar[Mapping[str, tuple[str, ...]]]
    forget_gate: ClassVar[tuple[str, float] | None] = None
    state_names: ClassVar[tuple[str, ...]] = ("h", "c")
    identity_input_gate: ClassVar[str | None] = None
    fused_on: ClassVar[frozenset[str]] = frozenset()

    input: nn.Linear
    recurrent: nn.Linear

    def __init__(
        self,
        input_dim: int,
        hidden_dim: Dimension = 512,
        forget_bias: Finite = 0.0,
        init: Init = "uniform",
        init_scale: Positive | None = None,
    ) -> None:
        super().__init__(input_dim, hidden_dim)
        input_gates = [gate for gate in self.gates if gate != self.identity_input_gate]
        self.input = nn.Linear(input_dim, len(input_gates) * hidden_dim)
        self.projected_dim = self.input.out_features
        for name, gates in self.recurrent_matrices.items():
            self.add_module(name, nn.Linear(hidden_dim, len(gates) * hidden_dim, bias=False))
        recurrent: list[Tensor] = [self.get_parameter(f"{name}.weight") for name in self.recurrent_matrices]
        if init == "orthogonal" and not recurrent:
            raise UserError("cell: init orthogonal is for recurrent matrices, and this cell has none.")
        initialise([self.input.weight], recurrent, hidden_dim, init, init_scale)
        nn.init.zeros_(self.input.bias)
        if self.forget_gate is not None:
            gate, sign = self.forget_gate
            bias_H = self.input.bias.view(-1, hidden_dim)[input_gates.index(gate)]
            nn.init.constant_(bias_H, sign * forget_bias)
        self.add_parameters()

    def add_parameters(self) -> None:
        """Create parameters beside the matrices and the input's bias, in cells that have some."""

    @abstractmethod
    def cell_step(
        self, preactivations: PreActivations, state: State, recurrent_matmul: RecurrentMatmul
    ) -> CellStep:
        """Compute the equation for one step of N rows.

        Args:
            preactivations: the input's part, as the method of this name returns it.
            state: the old state.
            recurrent_matmul: computes the products with the recurrent matrices; to be called once for each.

        Returns:
            The new state and the gates.
        """

    def fused(self, x_NTE: Tensor, state: State) -> CellOutput:
        """Run a whole sequence in a fused kernel of torch, in cells where that is exact."""
        raise NotImplementedError(f"torch has no kernel for {type(self).__name__}")

    def recover_states(self, gates: dict[str, Tensor], state: State) -> State:
        """Compute all states but h at every time, each (N, T, H), from all gates; `fused` returns none."""
        return ()

    def recurrent_weights(self) -> dict[str, Tensor]:
        """Return the recurrent matrices (k H, H) by the names in `recurrent_matrices`."""
        return {name: self.get_parameter(f"{name}.weight") for name in self.recurrent_matrices}

    def project(self, x: Tensor) -> Tensor:
        """Compute W x + b: (..., E) -> (..., G)."""
        projected: Tensor = self.input(x)
        return projected

    def preactivations(self, projected: Tensor) -> PreActivations:
        """Compute the rest of what needs no state, from (..., G)."""
        if len(self.recurrent_matrices) <= 1:  # the gradient of a split is a copy
            return (projected,)
        sizes = [len(gates) * self.hidden_dim for gates in self.recurrent_matrices.values()]
        return torch.split(projected, sizes, dim=-1)

    def step(self, projected_NG: Tensor, state: State) -> State:
        """Return the state after one more input."""
        preactivations = self._cast_preactivations(projected_NG, state)
        step = self.cell_step(preactivations, state, self._recurrent_matmul)
        return self.intervened(*step)

    def cell_steps(
        self, x_NTE: Tensor, state: State, state_update: StateUpdate | None = None
    ) -> Iterator[CellStep]:
        """Yield every step; in each chunk, the input's part before the loop, weight gradients after it.

        Args:
            x_NTE: the sequence.
            state: the state before it.
            state_update: changes the state after every step; None: no change.

        Yields:
            T steps.
        """
        for chunk_NTE in torch.split(x_NTE, _chunk_length(x_NTE), dim=1):
            preactivations = self._cast_preactivations(self.project(chunk_NTE.contiguous()), state)
            products = DeferredWeightGradients(self.recurrent_weights())
            summands = [
                products.unbind_time(name, preactivations[i])
                for i, name in enumerate(self.recurrent_matrices)
            ]
            rest = [tensor.unbind(dim=1) for tensor in preactivations[len(summands) :]]
            for preactivations_t in zip(*summands, *rest, strict=True):
                step = self.cell_step(preactivations_t, state, products.recurrent_matmul)
                step = step._replace(state=self.intervened(*step))
                if state_update is not None:
                    step = step._replace(state=state_update(step.state, state))
                state = step.state
                yield step

    def forward(self, x_NTE: Tensor, state: State) -> CellOutput:
        """Run a whole sequence, T at least 1, by the fastest exact method."""
        return self.fused(x_NTE, state) if self._can_fuse(x_NTE) else self.unroll(x_NTE, state)

    def unroll(self, x_NTE: Tensor, state: State, state_update: StateUpdate | None = None) -> CellOutput:
        """Run a whole sequence by the loop.

        Args:
            x_NTE: the sequence.
            state: the state before it.
            state_update: changes the state after every step; None: no change.

        Returns:
            Outputs and the last state.
        """
        outputs = []
        for step in self.cell_steps(x_NTE, state, state_update):
            state = step.state
            outputs.append(state[0])
        return CellOutput(torch.stack(outputs, dim=1), state)

    def trace(self, x_NTE: Tensor, state: State, state_update: StateUpdate | None = None) -> Trace:
        """Return every gate and state of a sequence, from the loop or recovered from the outputs of `fused`.

        Args:
            x_NTE: the sequence.
            state: the state before it.
            state_update: changes the state after every step; None: no change.

        Returns:
            Gates by name, and states.
        """
        if state_update is None and self._can_fuse(x_NTE):
            return self.recover(x_NTE, state)
        steps = list(self.cell_steps(x_NTE, state, state_update))
        gates = stack_states([step.gates for step in steps])
        return Trace(dict(zip(self.gates, gates, strict=True)), stack_states([step.state for step in steps]))

    def recover(self, x_NTE: Tensor, state: State) -> Trace:
        """Trace by `fused`: with all h_{t-1} known, the gates of all times are one more product."""
        outputs_NTH = self.fused(x_NTE, state).outputs_NTH
        before_NTH = torch.cat([state[0].unsqueeze(1), outputs_NTH[:, :-1]], dim=1)
        shape = outputs_NTH.shape
        unknown = tuple(torch.zeros_like(before_NTH).flatten(0, 1) for _ in state[1:])
        preactivations = self._cast_preactivations(self.project(x_NTE).flatten(0, 1), state)
        all_times = self.cell_step(
            preactivations, (before_NTH.flatten(0, 1), *unknown), self._recurrent_matmul
        )
        gates = {name: gate.view(shape) for name, gate in zip(self.gates, all_times.gates, strict=True)}
        return Trace(gates, (outputs_NTH, *self.recover_states(gates, state)))

    def _can_fuse(self, x_NTE: Tensor) -> bool:
        """Whether `fused` is the fastest method, and can compute in the precision of autocast."""
        if (device := x_NTE.device.type) not in self.fused_on or self.readout_update is not None:
            return False
        autocast = device == "cpu" and torch.is_autocast_enabled("cpu")
        if not autocast or not self.recurrent_matrices:  # a scan computes in the precision of the state
            return True
        return lstm_kernel_computes_in(torch.get_autocast_dtype("cpu"))

    def _cast_preactivations(self, projected: Tensor, state: State) -> PreActivations:
        """Pre-activations; those that enter no product in the precision of the state, for mixed precision."""
        preactivations, count = self.preactivations(projected), len(self.recurrent_matrices)
        return *preactivations[:count], *(tensor.to(state[0].dtype) for tensor in preactivations[count:])

    def _recurrent_matmul(self, preactivation_MK: Tensor, u_MH: Tensor, name: str) -> Tensor:
        return torch.addmm(preactivation_MK, u_MH, self.recurrent_weights()[name].T).to(u_MH.dtype)


def _chunk_length(x_NTE: Tensor) -> int:
    """Time steps of a chunk; all of them on a GPU, where the number of kernel launches is what costs."""
    N, T, _ = x_NTE.shape
    return max(1, CHUNK_ROWS // max(1, N)) if x_NTE.device.type == "cpu" else T
