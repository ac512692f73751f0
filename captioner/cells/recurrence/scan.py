"""Recurrences without a matrix, over all times at once.      N rows, T time, H hidden, C blocks of L times.

A step h -> a * h + b, or one that is clamped afterwards, is a function of h that few numbers describe, and
so is any number of steps in a row. The steps of every block of times are therefore composed side by side, the
blocks are scanned in the same way, and every time takes one step from the start of its block: about
L log_L(T) operations on large tensors instead of T on small ones. Nothing is divided, so decays may be small.

Source: Blelloch (1990), "Prefix sums and their applications"; Martin and Cundy (2018), "Parallelizing linear
recurrent neural nets over sequence length".
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

BLOCK_LENGTH = 32
"""L: a longer block is a longer loop, a shorter one a deeper recursion."""

Step = tuple[Tensor, ...]
"""The numbers that describe a function of h: each (..., H)."""

Apply = Callable[[Step, Tensor], Tensor]
Compose = Callable[[Step, Step], Step]


def linear_scan(decay_NTH: Tensor, input_NTH: Tensor, h_NH: Tensor) -> Tensor:
    """Compute h_t = decay_t * h_{t-1} + input_t at every time.

    Args:
        decay_NTH: the factors.
        input_NTH: the summands.
        h_NH: the state before the first time.

    Returns:
        h_NTH.
    """
    h_NTH: Tensor = _LinearScan.apply(decay_NTH, input_NTH, h_NH)
    return h_NTH


def relu_scan(decay_H: Tensor, input_NTH: Tensor, h_NH: Tensor) -> Tensor:
    """Compute h_t = relu(decay * h_{t-1} + input_t) at every time.

    Args:
        decay_H: the factors, the same at all times.
        input_NTH: the summands.
        h_NH: the state before the first time.

    Returns:
        h_NTH.
    """
    h_NTH: Tensor = _ReluScan.apply(decay_H, input_NTH, h_NH)
    return h_NTH


class _LinearScan(torch.autograd.Function):
    """The gradient runs back in time by the same recurrence: dh_t = grad_t + decay_{t+1} * dh_{t+1}."""

    @staticmethod
    def forward(ctx: Any, decay_NTH: Tensor, input_NTH: Tensor, h_NH: Tensor) -> Tensor:
        h_NTH = scan(_apply_linear, _compose_linear, (decay_NTH, input_NTH), h_NH)
        ctx.save_for_backward(decay_NTH, h_NTH, h_NH)
        return h_NTH

    @staticmethod
    def backward(ctx: Any, grad_NTH: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        decay_NTH, h_NTH, h_NH = ctx.saved_tensors
        dh_NTH = _scan_back(decay_NTH, grad_NTH)
        return dh_NTH * _before(h_NTH, h_NH), dh_NTH, decay_NTH[:, 0] * dh_NTH[:, 0]


class _ReluScan(torch.autograd.Function):
    """Where h_t is 0 no gradient passes; elsewhere the recurrence is linear."""

    @staticmethod
    def forward(ctx: Any, decay_H: Tensor, input_NTH: Tensor, h_NH: Tensor) -> Tensor:
        # Not infinity, of which a factor 0 would make "not a number".
        low, high = torch.zeros_like(input_NTH), torch.full_like(input_NTH, torch.finfo(input_NTH.dtype).max)
        steps = (decay_H.expand_as(input_NTH), input_NTH, low, high)
        h_NTH = scan(_apply_clamped, _compose_clamped, steps, h_NH)
        ctx.save_for_backward(decay_H, h_NTH, h_NH)
        return h_NTH

    @staticmethod
    def backward(ctx: Any, grad_NTH: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        decay_H, h_NTH, h_NH = ctx.saved_tensors
        open_NTH = (h_NTH > 0).to(h_NTH.dtype)
        dh_NTH = _scan_back(decay_H * open_NTH, grad_NTH) * open_NTH
        return (dh_NTH * _before(h_NTH, h_NH)).sum(dim=(0, 1)), dh_NTH, decay_H * dh_NTH[:, 0]


def scan(apply: Apply, compose: Compose, steps: Step, h_NH: Tensor, backwards: bool = False) -> Tensor:
    """Compute the state after every step.

    Args:
        apply: computes the state after a step, from the step and the state before it.
        compose: computes the step that equals two steps, the one that is taken first before the other.
        steps: one step a time, each tensor (N, T, H).
        h_NH: the state before the first step.
        backwards: whether the last time is the first step.

    Returns:
        h_NTH, at every time the state after its step.
    """
    T = steps[0].shape[1]
    blocks = T // BLOCK_LENGTH
    if blocks < 2:
        return _loop(apply, steps, h_NH, backwards)
    rest = T - blocks * BLOCK_LENGTH  # times that are left over, the last steps to be taken
    blocked = slice(rest, T) if backwards else slice(0, T - rest)
    over = slice(0, rest) if backwards else slice(T - rest, T)
    inside = _compose_blocks(compose, tuple(_in_blocks(leaf[:, blocked]) for leaf in steps), backwards)
    last = 0 if backwards else -1
    ends_NCH = scan(apply, compose, tuple(leaf[:, :, last] for leaf in inside), h_NH, backwards)
    starts_NC1H = _before(ends_NCH, h_NH, backwards).unsqueeze(2)
    h_NTH = apply(inside, starts_NC1H).flatten(1, 2)
    if not rest:
        return h_NTH
    rest_NTH = _loop(apply, tuple(leaf[:, over] for leaf in steps), h_NTH[:, last], backwards)
    return torch.cat([rest_NTH, h_NTH] if backwards else [h_NTH, rest_NTH], dim=1)


def _in_blocks(leaf_NTH: Tensor) -> Tensor:
    N, T, H = leaf_NTH.shape
    return leaf_NTH.reshape(N, T // BLOCK_LENGTH, BLOCK_LENGTH, H)


def _loop(apply: Apply, steps: Step, h_NH: Tensor, backwards: bool) -> Tensor:
    by_time = list(zip(*(leaf.unbind(dim=1) for leaf in steps), strict=True))
    states = []
    for step in by_time[::-1] if backwards else by_time:
        h_NH = apply(step, h_NH)
        states.append(h_NH)
    return torch.stack(states[::-1] if backwards else states, dim=1)


def _compose_blocks(compose: Compose, steps: Step, backwards: bool) -> Step:
    """All steps from the start of a block to each of its times, leaves (N, C, L, H)."""
    by_time = list(zip(*(leaf.unbind(dim=2) for leaf in steps), strict=True))
    by_time = by_time[::-1] if backwards else by_time
    so_far = [by_time[0]]
    for step in by_time[1:]:
        so_far.append(compose(so_far[-1], step))
    so_far = so_far[::-1] if backwards else so_far
    return tuple(torch.stack(leaf, dim=2) for leaf in zip(*so_far, strict=True))


def _scan_back(decay_NTH: Tensor, grad_NTH: Tensor) -> Tensor:
    """dh_t = grad_t + decay_{t+1} * dh_{t+1}, from the last time to the first."""
    last_NH = grad_NTH[:, -1]
    if grad_NTH.shape[1] == 1:
        return last_NH.unsqueeze(1)
    steps = (decay_NTH[:, 1:], grad_NTH[:, :-1])
    earlier_NTH = scan(_apply_linear, _compose_linear, steps, last_NH, backwards=True)
    return torch.cat([earlier_NTH, last_NH.unsqueeze(1)], dim=1)


def _before(h_NTH: Tensor, h_NH: Tensor, backwards: bool = False) -> Tensor:
    """The state before every step."""
    first_N1H = h_NH.unsqueeze(1)
    return torch.cat([h_NTH[:, 1:], first_N1H] if backwards else [first_N1H, h_NTH[:, :-1]], dim=1)


def _apply_linear(step: Step, h: Tensor) -> Tensor:
    decay, summand = step
    return torch.addcmul(summand, decay, h)


def _compose_linear(first: Step, second: Step) -> Step:
    return first[0] * second[0], _apply_linear(second, first[1])


def _apply_clamped(step: Step, h: Tensor) -> Tensor:
    decay, summand, low, high = step
    return torch.addcmul(summand, decay, h).clamp(low, high)


def _compose_clamped(first: Step, second: Step) -> Step:
    """A clamped line of a clamped line is one: its bounds are the first one's, as the second maps them."""
    decay, summand = second[:2]
    one, other = _apply_clamped(second, first[2]), _apply_clamped(second, first[3])
    return (
        first[0] * decay,
        torch.addcmul(summand, decay, first[1]),
        torch.minimum(one, other),
        torch.maximum(one, other),
    )
