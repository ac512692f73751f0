"""What holds for every registered cell."""

import pytest
import torch

from captioner.cells.base import CELLS, Cell, State

N, T, E, H = 3, 7, 5, 4


def make(name: str) -> tuple[Cell, torch.Tensor, State]:
    torch.manual_seed(1)
    cell = CELLS.build({"name": name, "hidden_dim": H}, input_dim=E).double()
    x_NTE = torch.randn(N, T, E, dtype=torch.double)
    return cell, x_NTE, tuple(torch.randn(N, H, dtype=torch.double) for _ in range(cell.num_states))


@pytest.mark.parametrize("name", sorted(CELLS))
def test_gradients_match_finite_differences(name):
    cell, x_NTE, state = make(name)
    inputs = (x_NTE[:, 0].requires_grad_(), *(leaf.requires_grad_() for leaf in state))
    assert torch.autograd.gradcheck(lambda x, *s: cell.step(cell.project(x), s), inputs)
    sequence = (x_NTE[:, :3].detach().requires_grad_(), *inputs[1:])
    assert torch.autograd.gradcheck(lambda x, *s: cell(x, s).outputs_NTH, sequence)


@pytest.mark.parametrize("name", sorted(CELLS))
def test_whole_sequence_equals_the_loop_over_steps(name):
    cell, x_NTE, state = make(name)
    fused, looped = cell(x_NTE, state), Cell.forward(cell, x_NTE, state)
    torch.testing.assert_close(fused, looped, atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", sorted(CELLS))
def test_in_one_piece_equals_in_pieces(name):
    cell, x_NTE, state = make(name)
    whole = cell(x_NTE, state)
    first = cell(x_NTE[:, :2], state)
    second = cell(x_NTE[:, 2:], first.state)
    torch.testing.assert_close(whole.outputs_NTH, torch.cat([first.outputs_NTH, second.outputs_NTH], dim=1))
    torch.testing.assert_close(whole.state, second.state)


@pytest.mark.parametrize("name", sorted(CELLS))
def test_rows_of_a_batch_do_not_mix(name):
    cell, x_NTE, state = make(name)
    whole = cell.step(cell.project(x_NTE[:, 0]), state)
    alone = [
        cell.step(cell.project(x_NTE[n : n + 1, 0]), tuple(s[n : n + 1] for s in state)) for n in range(N)
    ]
    torch.testing.assert_close(whole, tuple(map(torch.cat, zip(*alone, strict=True))))


@pytest.mark.parametrize("name", sorted(CELLS))
def test_projections_of_two_inputs_add_up(name):
    """The contract that lets a decoder add the context's part to the word's."""
    cell, x_NTE, _ = make(name)
    one, other, nothing = x_NTE[:, 0], x_NTE[:, 1], torch.zeros(N, E, dtype=torch.double)
    together = cell.project(one) + cell.project(other) - cell.project(nothing)
    torch.testing.assert_close(cell.project(one + other), together)


@pytest.mark.parametrize("name", sorted(CELLS))
def test_zero_state_has_the_announced_form(name):
    cell, x_NTE, state = make(name)
    zeros = cell.zero_state(x_NTE[:, 0])
    assert [z.shape for z in zeros] == [s.shape for s in state]
    assert all((z == 0).all() and z.dtype == torch.double for z in zeros)
