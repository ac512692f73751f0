"""Choose the locations that make a context: their mean, the most probable one, or one drawn.

N rows, L locations.
"""

import copy
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from captioner.attention.mode import AttentionMode

Selection = Callable[[Tensor], Tensor]
"""alphas_NL to the weights of the context, which sum to one too: one-hot for hard attention."""

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def mean_location(alphas_NL: Tensor) -> Tensor:
    """Return the attention weights as they are."""
    return alphas_NL


def argmax_location(alphas_NL: Tensor) -> Tensor:
    """Return a one at the greatest attention weight of every row."""
    return one_hot(alphas_NL.argmax(dim=-1), alphas_NL)


def draw_location(alphas_NL: Tensor) -> Tensor:
    """Return a one at a location drawn from the attention weights, by torch's global random state."""
    return one_hot(torch.multinomial(alphas_NL.detach().float(), 1).squeeze(1), alphas_NL)


def location_at(uniform_N: Tensor) -> Selection:
    """Return the selection that draws with given random numbers.

    Args:
        uniform_N: in [0, 1), one a row.

    Returns:
        A one at the first location up to which the attention weights sum to more than the number.
    """

    def select(alphas_NL: Tensor) -> Tensor:
        summed_NL = alphas_NL.double().cumsum(dim=-1)
        reached_N1 = uniform_N.unsqueeze(1) * summed_NL[:, -1:]  # of a sum that is 1 but for rounding
        location_N = torch.searchsorted(summed_NL, reached_N1, right=True).squeeze(1)
        return one_hot(location_N.clamp(max=alphas_NL.shape[1] - 1), alphas_NL)

    return select


SELECTIONS: dict[AttentionMode, Selection] = {
    "mean": mean_location,
    "argmax": argmax_location,
    "sample": draw_location,
}


def with_selection(decoder: ModuleT, selection: Selection) -> ModuleT:
    """Return a decoder with the same parameters that makes its context in another way.

    Args:
        decoder: has an `AdditiveAttention` as its `attention`; stays as it is.
        selection: what the copy does with its attention weights.

    Returns:
        A copy that shares all modules but the attention, and the parameters of that too.
    """
    attention = copy.copy(decoder.get_submodule("attention"))
    attention.selection = selection  # type: ignore[assignment]
    selected = copy.copy(decoder)
    selected._modules = {**decoder._modules, "attention": attention}
    return selected


def one_hot(location_N: Tensor, alphas_NL: Tensor) -> Tensor:
    """Return a one at a location of every row, of the shape and type of the attention weights."""
    return torch.zeros_like(alphas_NL).scatter_(1, location_N.unsqueeze(1), 1.0)
