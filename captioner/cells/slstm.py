"""The scalar LSTM of xLSTM.      N rows, E input, H hidden, K heads, D = H / K."""

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from captioner.cells.base import CELLS, State
from captioner.cells.init import Init, initialise
from captioner.cells.recurrence.base import CellStep, PreActivations, Recurrence, RecurrentMatmul
from captioner.errors import UserError
from captioner.ranges import Dimension, Finite, Positive


@CELLS.register("slstm")
class SLSTMCell(Recurrence):
    r"""Scalar LSTM with exponential gates (Beck et al., 2024); gates i, f, z, o.

        ~i, ~f  = W x + U h + b
        z       = tanh(W x + U h + b)             cell input
        o       = sigmoid(W x + U h + b)          output gate
        m'      = max(log f + m, ~i)              stabiliser; log f = logsigmoid(~f), or ~f
        i       = exp(~i - m')                    input gate
        f       = exp(log f + m - m')             forget gate
        c'      = f * c + i * z                   memory
        n'      = f * n + i                       normaliser
        h'      = o * c' / n'

    The stabiliser cancels in c' / n': the gates exp(~i) and exp(log f) alone could overflow. U is block
    diagonal: a head sees its own part of h. The state is h, c, n and m, zero at the start, where a state that
    has read nothing, n = 0, takes m' = ~i. The forget gate's bias starts at `forget_bias`.

    Args:
        input_dim: E.
        hidden_dim: H.
        num_heads: K, blocks of U on the diagonal; divides H.
        forget_gate_activation: sigmoid, or exponential.
        forget_bias: where the bias of f starts.
        init: initialisation of the matrices, see `init.initialise`.
        init_scale: its scale; None: the default of `init`.

    Raises:
        UserError: `num_heads` does not divide `hidden_dim`.

    Source:
        Beck et al. (2024), "xLSTM: extended long short-term memory", eq. 8 to 17. There the cell stands in a
        block with a convolution, a normalisation of each head and an MLP; this is the cell by itself. A
        decoder may start it anywhere, so n stands for |n|; it is positive after the first input.
    """

    num_states = 4
    state_names = ("h", "c", "n", "m")
    gates = ("i", "f", "z", "o")
    recurrent_matrices: ClassVar = {"recurrent": gates}
    forget_gate = ("f", 1.0)

    def __init__(
        self,
        input_dim: int,
        hidden_dim: Dimension = 512,
        num_heads: Dimension = 1,
        forget_gate_activation: Literal["sigmoid", "exp"] = "sigmoid",
        forget_bias: Finite = 1.0,
        init: Init = "uniform",
        init_scale: Positive | None = None,
    ) -> None:
        super().__init__(input_dim, hidden_dim, forget_bias, init, init_scale)
        if hidden_dim % num_heads:
            raise UserError(
                f"cell slstm: num_heads must divide hidden_dim = {hidden_dim}, not be {num_heads}."
            )
        self.num_heads = num_heads
        self.forget_gate_activation = forget_gate_activation
        if num_heads > 1:
            self.recurrent = nn.Linear(hidden_dim // num_heads, 4 * hidden_dim, bias=False)
            initialise([], [self.recurrent.weight], hidden_dim // num_heads, init, init_scale)

    def recurrent_weights(self) -> dict[str, Tensor]:
        """Return U, (4H, H), zero outside the blocks of its heads."""
        K, D = self.num_heads, self.hidden_dim // self.num_heads
        if K == 1:
            return super().recurrent_weights()
        blocks_4KD1D = self.recurrent.weight.view(4, K, D, 1, D)
        own_K1K1 = torch.eye(K).to(blocks_4KD1D).view(K, 1, K, 1)
        return {"recurrent": (blocks_4KD1D * own_K1K1).view(4 * self.hidden_dim, self.hidden_dim)}

    def read_memory(self, state: State) -> Tensor:
        """Return c / n, and 0 before the first input."""
        return torch.where(state[2] == 0, 0.0, state[1] / state[2].abs())

    def memory_of(self, readout_NH: Tensor, state: State) -> Tensor:
        """Return the c that has this quotient with n."""
        return readout_NH * state[2].abs()

    def cell_step(
        self, preactivations: PreActivations, state: State, recurrent_matmul: RecurrentMatmul
    ) -> CellStep:
        """Compute one step by the equations above.

        Args:
            preactivations: W x + b of all gates, (N, 4H).
            state: h, c, n and m, each (N, H).
            recurrent_matmul: adds U h.

        Returns:
            The new h, c, n and m; gates i, f, z, o.
        """
        h_NH, c_NH, n_NH, m_NH = state
        log_i_NH, f_NH, z_NH, o_NH = recurrent_matmul(preactivations[0], h_NH, "recurrent").chunk(4, dim=-1)
        log_f_NH = m_NH + (F.logsigmoid(f_NH) if self.forget_gate_activation == "sigmoid" else f_NH)
        m_NH = torch.where(n_NH == 0, log_i_NH, torch.maximum(log_f_NH, log_i_NH))
        i_NH, z_NH, o_NH = (log_i_NH - m_NH).exp(), z_NH.tanh(), o_NH.sigmoid()
        f_NH = (log_f_NH - m_NH).clamp(max=0).exp()  # above 0 only where nothing was read and f has no effect
        c_NH = f_NH * c_NH + i_NH * z_NH
        n_NH = f_NH * n_NH.abs() + i_NH
        return CellStep((o_NH * c_NH / n_NH, c_NH, n_NH, m_NH), (i_NH, f_NH, z_NH, o_NH))
