"""What every cell of one layer is: an equation.      N rows, T time, E input, H hidden, G projected."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from captioner.cells.base import Cell, Ran, State, Trace, stack_states
from captioner.cells.init import Init, initialise
from captioner.cells.deferred_gradients import LateProducts

Blocks = tuple[Tensor, ...]
"""The input's part of the gates, parted as the products are (a block each, in their order), then the rest."""

Add = Callable[[Tensor, Tensor, str], Tensor]
"""add(block, u, name) = block + u W^T, where `name` is the product's."""

Settle = Callable[[State, State], State]
"""What becomes of a new state beside the old one (zoneout keeps some of the old)."""

ROWS = 1024
"""Rows of a piece of a sequence on a CPU: products as quick as those of more, results that stay cached."""


class Moment(NamedTuple):
    """One step of a cell."""

    state: State
    gates: tuple[Tensor, ...]  # as `gates` names them


class Recurrence(Cell):
    """A cell of one layer. Subclasses write its equation once, in `recur`; everything else follows.

    `gates` names the parts of size H in the order of the rows of the input's matrix. `products` names the
    recurrent matrices, and the gates each makes: the first products make the first gates. Whole sequences
    are computed by pieces, with the input's part before the loop and weight gradients after it
    (`late.LateProducts`), or by `fused` where that is the quickest exact way.
    """

    gates: ClassVar[tuple[str, ...]]
    products: ClassVar[Mapping[str, tuple[str, ...]]]
    keeps: ClassVar[tuple[str, float] | None] = None
    """The gate that decides what is kept, if there is one, and the sign of a bias that keeps more."""
    raw: ClassVar[str | None] = None
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
        reading = [gate for gate in self.gates if gate != self.raw]
        self.input = nn.Linear(input_dim, len(reading) * hidden_dim)
        self.projected_dim = self.input.out_features
        for name, gates in self.products.items():
            self.add_module(name, nn.Linear(hidden_dim, len(gates) * hidden_dim, bias=False))
        initialise([self.input.weight], list(self.matrices().values()), hidden_dim, init, init_scale)
        nn.init.zeros_(self.input.bias)
        if self.keeps is not None:
            gate, sign = self.keeps
            bias_H = self.input.bias.view(-1, hidden_dim)[reading.index(gate)]
            nn.init.constant_(bias_H, sign * forget_bias)
        self.add_parameters()

    def add_parameters(self) -> None:
        """Make the parameters beside the matrices and the input's bias, in cells that have some."""

    @abstractmethod
    def recur(self, blocks: Blocks, state: State, add: Add) -> Moment:
        """The equation, for one step of N rows; every recurrent product is made by `add`, once."""

    def fused(self, x_NTE: Tensor, state: State) -> Ran:
        """A whole sequence in torch's own kernel, cuDNN's on a GPU, in cells where that is exact."""
        raise NotImplementedError(f"torch has no kernel for {type(self).__name__}")

    def memory(self, gates: dict[str, Tensor], state: State) -> State:
        """States but the first at every time, each (N, T, H), from all gates: where `fused` hides them."""
        return ()

    def matrices(self) -> dict[str, Tensor]:
        """The recurrent matrices (k H, H) by the names of `products`."""
        return {name: self.get_parameter(f"{name}.weight") for name in self.products}

    def project(self, x: Tensor) -> Tensor:
        """(..., E) -> (..., G): W x + b."""
        projected: Tensor = self.input(x)
        return projected

    def blocks(self, projected: Tensor) -> Blocks:
        """(..., G) -> blocks: the rest of what needs no state."""
        if len(self.products) == 1:  # the gradient of a split is a copy
            return (projected,)
        sizes = [len(gates) * self.hidden_dim for gates in self.products.values()]
        return torch.split(projected, sizes, dim=-1)

    def step(self, projected_NG: Tensor, state: State) -> State:
        """The state after one more input."""
        return self.recur(self._given(projected_NG, state), state, self._add).state

    def moments(self, x_NTE: Tensor, state: State, settle: Settle | None = None) -> Iterator[Moment]:
        """Every step; of each piece the input's part before the loop, gradients of the matrices after it."""
        for piece_NTE in torch.split(x_NTE, _steps(x_NTE), dim=1):
            blocks = self._given(self.project(piece_NTE.contiguous()), state)
            products = LateProducts(self.matrices())
            received = [products.receive(name, blocks[i]) for i, name in enumerate(self.products)]
            rest = [block.unbind(dim=1) for block in blocks[len(received) :]]
            for now in zip(*received, *rest, strict=True):
                moment = self.recur(now, state, products.add)
                if settle is not None:
                    moment = moment._replace(state=settle(moment.state, state))
                state = moment.state
                yield moment

    def forward(self, x_NTE: Tensor, state: State) -> Ran:
        """Run a whole sequence, T at least 1, by the quickest exact way."""
        if x_NTE.device.type in self.fused_on:
            return self.fused(x_NTE, state)
        return self.unroll(x_NTE, state)

    def unroll(self, x_NTE: Tensor, state: State, settle: Settle | None = None) -> Ran:
        """Run a whole sequence by the loop."""
        outputs = []
        for moment in self.moments(x_NTE, state, settle):
            state = moment.state
            outputs.append(state[0])
        return Ran(torch.stack(outputs, dim=1), state)

    def trace(self, x_NTE: Tensor, state: State, settle: Settle | None = None) -> Trace:
        """Every gate and state of a sequence: from the loop, or recovered from what `fused` returns."""
        if settle is None and x_NTE.device.type in self.fused_on:
            return self.recover(x_NTE, state)
        moments = list(self.moments(x_NTE, state, settle))
        gates = stack_states([moment.gates for moment in moments])
        return Trace(
            dict(zip(self.gates, gates, strict=True)), stack_states([moment.state for moment in moments])
        )

    def recover(self, x_NTE: Tensor, state: State) -> Trace:
        """Gates see x_t and h_{t-1}; with all h known, those of all times are one product more."""
        outputs_NTH = self.fused(x_NTE, state).outputs_NTH
        before_NTH = torch.cat([state[0].unsqueeze(1), outputs_NTH[:, :-1]], dim=1)
        shape = outputs_NTH.shape
        unknown = tuple(torch.zeros_like(before_NTH).flatten(0, 1) for _ in state[1:])
        blocks = self._given(self.project(x_NTE).flatten(0, 1), state)
        found = self.recur(blocks, (before_NTH.flatten(0, 1), *unknown), self._add).gates
        gates = {name: gate.view(shape) for name, gate in zip(self.gates, found, strict=True)}
        return Trace(gates, (outputs_NTH, *self.memory(gates, state)))

    def _given(self, projected: Tensor, state: State) -> Blocks:
        """Blocks; those without a product as precise as the state, in mixed precision too."""
        blocks, count = self.blocks(projected), len(self.products)
        return *blocks[:count], *(block.to(state[0].dtype) for block in blocks[count:])

    def _add(self, sum_MK: Tensor, fed_MH: Tensor, name: str) -> Tensor:
        return torch.addmm(sum_MK, fed_MH, self.get_parameter(f"{name}.weight").T).to(fed_MH.dtype)


def _steps(x_NTE: Tensor) -> int:
    """How many steps are one piece; all of them on a GPU, where it is the number of kernels that costs."""
    N, T, _ = x_NTE.shape
    return max(1, ROWS // max(1, N)) if x_NTE.device.type == "cpu" else T
