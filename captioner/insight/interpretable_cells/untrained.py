"""A model of the same make with new weights: what an architecture has before it learns."""

from typing import TypeVar

import torch

from captioner.models.base import Model

ModelT = TypeVar("ModelT", bound=Model)


def untrained_copy(model: ModelT, seed: int) -> ModelT:
    """Return a model of the same config with weights drawn from a seed, on the same device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        copy = type(model)(model.config, model.vocabulary)
    return copy.eval().to(model.device)
