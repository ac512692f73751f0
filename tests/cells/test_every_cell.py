"""What holds for every registered cell."""

import pytest
import torch

from captioner.cells.base import CELLS, Cell, State
from captioner.cells.recurrence.base import Recurrence
from captioner.errors import UserError

N, T, E, H = 3, 7, 5, 4
EVERY = sorted(CELLS)
ONE_LAYER = [name for name in EVERY if name != "stacked"]


def make(name: str, input_dim: int = E) -> tuple[Cell, torch.Tensor, State]:
    torch.manual_seed(1)
    cell = CELLS.build({"name": name, "hidden_dim": H}, input_dim=input_dim).double()
    for parameter in cell.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    x_NTE = torch.randn(N, T, input_dim, dtype=torch.double)
    return cell, x_NTE, tuple(torch.randn(N, H, dtype=torch.double) for _ in range(cell.num_states))


def make_single(name: str) -> tuple[Cell, torch.Tensor, State]:
    cell, x_NTE, state = make(name)
    return cell.float(), x_NTE.float(), tuple(leaf.float() for leaf in state)


def stepped(cell: Cell, x_NTE: torch.Tensor, state: State) -> list[State]:
    """The states after every input, one `step` at a time."""
    states = []
    for x_NE in x_NTE.unbind(dim=1):
        state = cell.step(cell.project(x_NE), state)
        states.append(state)
    return states


def gradients(cell: Cell, outputs_NTH: torch.Tensor, *inputs: torch.Tensor) -> dict[str, torch.Tensor]:
    weights_NTH = torch.linspace(-1, 1, outputs_NTH.numel(), dtype=torch.double).view(outputs_NTH.shape)
    names = [*(name for name, _ in cell.named_parameters()), *map(str, range(len(inputs)))]
    found = torch.autograd.grad((outputs_NTH * weights_NTH).sum(), (*cell.parameters(), *inputs))
    return dict(zip(names, found, strict=True))


@pytest.mark.parametrize(("input_dim", "rows"), [(E, 1024), (H, 1024), (E, 3 * N), (H, 2 * N + 1), (E, 1)])
@pytest.mark.parametrize("name", EVERY)
def test_a_sequence_equals_its_steps_and_so_do_all_gradients(name, input_dim, rows, monkeypatch):
    """The loop with deferred weight gradients, in one chunk and in several, against single steps."""
    monkeypatch.setattr("captioner.cells.recurrence.base.CHUNK_ROWS", rows)
    cell, x_NTE, state = make(name, input_dim)
    inputs = (x_NTE.requires_grad_(), *(leaf.requires_grad_() for leaf in state))
    states = stepped(cell, x_NTE, state)
    ran = cell.unroll(x_NTE, state) if isinstance(cell, Recurrence) else cell(x_NTE, state)
    one_by_one_NTH = torch.stack([s[0] for s in states], dim=1)
    torch.testing.assert_close(ran.outputs_NTH, one_by_one_NTH, atol=1e-12, rtol=0)
    torch.testing.assert_close(ran.state, states[-1], atol=1e-12, rtol=0)
    expected = gradients(cell, one_by_one_NTH, *inputs)
    torch.testing.assert_close(gradients(cell, ran.outputs_NTH, *inputs), expected, atol=1e-10, rtol=0)
    assert [key for key, gradient in expected.items() if not gradient.any()] == []


@pytest.mark.parametrize("name", [name for name in ONE_LAYER if CELLS[name].fused_on])
def test_the_fused_kernel_equals_the_loop_and_so_do_all_gradients(name):
    cell, x_NTE, state = make(name)
    inputs = (x_NTE.requires_grad_(), *(leaf.requires_grad_() for leaf in state))
    fused, looped = cell.fused(x_NTE, state), cell.unroll(x_NTE, state)
    torch.testing.assert_close(fused, looped, atol=1e-12, rtol=0)
    expected = gradients(cell, looped.outputs_NTH, *inputs)
    torch.testing.assert_close(gradients(cell, fused.outputs_NTH, *inputs), expected, atol=1e-10, rtol=0)


@pytest.mark.parametrize("name", EVERY)
def test_gradients_match_finite_differences(name):
    cell, x_NTE, state = make(name)
    parameters = dict(cell.named_parameters())

    def outputs(x_NTE, *leaves):
        values = dict(zip(parameters, leaves[len(state) :], strict=True))
        return torch.func.functional_call(cell, values, (x_NTE, leaves[: len(state)])).outputs_NTH

    x_NTE = x_NTE[:2, :3].detach().requires_grad_()
    leaves = [leaf[:2].detach().requires_grad_() for leaf in state]
    assert torch.autograd.gradcheck(outputs, (x_NTE, *leaves, *parameters.values()))


@pytest.mark.parametrize("name", EVERY)
def test_the_trace_shows_every_state(name):
    cell, x_NTE, state = make(name)
    traced = cell.trace(x_NTE, state)
    expected = tuple(torch.stack(leaf, dim=1) for leaf in zip(*stepped(cell, x_NTE, state), strict=True))
    torch.testing.assert_close(traced.states, expected, atol=1e-12, rtol=0)
    assert all(gate_NTH.shape == (N, T, H) for gate_NTH in traced.gates.values())


@pytest.mark.parametrize("name", [name for name in ONE_LAYER if CELLS[name].fused_on])
def test_gates_recovered_from_the_fused_outputs_are_those_of_the_loop(name):
    cell, x_NTE, state = make(name)
    looped = cell.trace(x_NTE, state, state_update=lambda new, old: new)
    torch.testing.assert_close(cell.recover(x_NTE, state), looped, atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", EVERY)
def test_in_one_piece_equals_in_pieces(name):
    cell, x_NTE, state = make(name)
    whole = cell(x_NTE, state)
    first = cell(x_NTE[:, :2], state)
    second = cell(x_NTE[:, 2:], first.state)
    torch.testing.assert_close(whole.outputs_NTH, torch.cat([first.outputs_NTH, second.outputs_NTH], dim=1))
    torch.testing.assert_close(whole.state, second.state)


@pytest.mark.parametrize("name", EVERY)
def test_rows_of_a_batch_do_not_mix(name):
    cell, x_NTE, state = make(name)
    whole = cell.step(cell.project(x_NTE[:, 0]), state)
    alone = [
        cell.step(cell.project(x_NTE[n : n + 1, 0]), tuple(s[n : n + 1] for s in state)) for n in range(N)
    ]
    torch.testing.assert_close(whole, tuple(map(torch.cat, zip(*alone, strict=True))))
    sequence = cell(x_NTE, state).outputs_NTH
    alone_1TH = cell(x_NTE[1:2], tuple(s[1:2] for s in state)).outputs_NTH
    torch.testing.assert_close(sequence[1:2], alone_1TH)


@pytest.mark.parametrize("name", EVERY)
def test_no_rows_are_no_rows(name):
    cell, x_NTE, state = make(name)
    outputs_NTH, after = cell(x_NTE[:0], tuple(leaf[:0] for leaf in state))
    assert outputs_NTH.shape == (0, T, H)
    assert [leaf.shape for leaf in after] == [(0, H)] * cell.num_states


@pytest.mark.parametrize("name", EVERY)
def test_projections_of_two_inputs_add_up(name):
    """The contract that lets a decoder add the context's part to the word's."""
    cell, x_NTE, _ = make(name)
    one, other, nothing = x_NTE[:, 0], x_NTE[:, 1], torch.zeros(N, E, dtype=torch.double)
    together = cell.project(one) + cell.project(other) - cell.project(nothing)
    torch.testing.assert_close(cell.project(one + other), together)
    assert together.shape == (N, cell.projected_dim)


@pytest.mark.parametrize("name", EVERY)
def test_zero_state_has_the_announced_form(name):
    cell, x_NTE, state = make(name)
    zeros = cell.zero_state(x_NTE[:, 0])
    assert [z.shape for z in zeros] == [s.shape for s in state]
    assert all((z == 0).all() and z.dtype == torch.double for z in zeros)


@pytest.mark.parametrize("name", [name for name in ONE_LAYER if CELLS[name].recurrent_matrices])
def test_a_backward_through_the_backward_is_refused_not_wrong(name):
    cell, x_NTE, state = make(name)
    x_NTE.requires_grad_()
    (gradient_NTE,) = torch.autograd.grad(
        cell.unroll(x_NTE, state).outputs_NTH.sum(), x_NTE, create_graph=True
    )
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient_NTE.sum().backward()


@pytest.mark.parametrize("way", ["forward", "step"])
@pytest.mark.parametrize("name", EVERY)
def test_mixed_precision_runs_and_learns_nearly_as_full(name, way):
    """bfloat16 keeps 8 bits, so that values of size 1 are right to 0.004 each; errors add up over time."""
    cell, x_NTE, state = make_single(name)

    def learn():
        if way == "forward":
            outputs_NTH = cell(x_NTE, state).outputs_NTH.float()
        else:
            outputs_NTH = torch.stack([s[0] for s in stepped(cell, x_NTE, state)], dim=1)
            assert outputs_NTH.dtype == torch.float
        grads = torch.autograd.grad((outputs_NTH * weights_NTH).sum(), cell.parameters())
        return [outputs_NTH.detach(), *grads]

    weights_NTH = torch.randn(N, T, H)
    full = learn()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = learn()
    for part, wanted in zip(mixed, full, strict=True):
        assert part.dtype == wanted.dtype
        torch.testing.assert_close(part, wanted, rtol=0, atol=0.06 * float(wanted.abs().max()))


@pytest.mark.parametrize("name", EVERY)
def test_a_sequence_in_mixed_precision_goes_on_by_steps_in_full(name):
    """As a character model does, which is sampled outside autocast from the state that training carries."""
    cell, x_NTE, state = make_single(name)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        after = cell(x_NTE[:, :-1], state).state
    (found,) = stepped(cell, x_NTE[:, -1:], after)
    wanted = tuple(leaf.detach() for leaf in cell(x_NTE, state).state)
    assert [leaf.dtype for leaf in after] == [torch.float] * len(state)
    for leaf, expected in zip(found, wanted, strict=True):
        torch.testing.assert_close(leaf, expected, rtol=0, atol=0.06 * float(expected.abs().max()))


def test_the_loop_runs_where_the_kernel_has_not_the_precision_of_autocast(monkeypatch):
    """As on a CPU whose oneDNN has no LSTM in bfloat16."""
    cell, x_NTE, state = make_single("lstm")
    monkeypatch.setattr("captioner.cells.recurrence.base.lstm_kernel_computes_in", lambda dtype: False)
    monkeypatch.setattr(torch, "lstm", lambda *_, **__: pytest.fail("the kernel was called"))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ran, traced, looped = cell(x_NTE, state), cell.trace(x_NTE, state), cell.unroll(x_NTE, state)
    torch.testing.assert_close(ran, looped)
    torch.testing.assert_close(traced.states[0], looped.outputs_NTH)


def test_the_kernel_runs_where_it_has_the_precision_of_autocast(monkeypatch):
    cell, x_NTE, state = make_single("lstm")
    monkeypatch.setattr("captioner.cells.recurrence.base.lstm_kernel_computes_in", lambda dtype: True)
    monkeypatch.setattr(cell, "fused", lambda *_: "fused")
    assert cell(x_NTE, state) == "fused"
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert cell(x_NTE, state) == "fused"


@pytest.mark.parametrize("name", EVERY)
def test_a_size_of_nothing_is_refused(name):
    with pytest.raises(UserError, match="hidden_dim must be at least 1"):
        CELLS.build({"name": name, "hidden_dim": 0}, input_dim=E)
