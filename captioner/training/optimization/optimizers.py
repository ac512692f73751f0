"""Optimisers by name, with torch's own options, and the parameters that they update."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from captioner.encoders.base import Encoder
from captioner.errors import UserError
from captioner.ranges import Fraction, NonNegative, Positive
from captioner.registry import Registry

RANGES = {
    "lr": Positive,
    "lr_decay": NonNegative,
    "betas": tuple[Fraction, Fraction],
    "alpha": Fraction,
    "eps": NonNegative,
    "weight_decay": NonNegative,
    "momentum": Fraction,
    "dampening": Fraction,
    "initial_accumulator_value": NonNegative,
}
"""Of torch's options, which are annotated by types alone."""

FUSED = frozenset({"adam", "adamw", "sgd"})
"""Optimisers that torch computes in one pass on CPUs and GPUs."""
EXCLUDE_FUSED = frozenset({"fused", "foreach", "differentiable"})
"""Options of torch that choose another way, or choose themselves."""

OPTIMIZERS: Registry[Optimizer] = Registry(
    "optimizer", "captioner.training.optimization.optimizers", ranges=RANGES
)
OPTIMIZERS.register("adagrad")(torch.optim.Adagrad)
OPTIMIZERS.register("adam")(torch.optim.Adam)
OPTIMIZERS.register("adamw")(torch.optim.AdamW)
OPTIMIZERS.register("rmsprop")(torch.optim.RMSprop)
OPTIMIZERS.register("sgd")(torch.optim.SGD)


def check_optimizer(options: Mapping[str, Any]) -> None:
    """Refuse options that contradict each other, such as `nesterov` without `momentum`: torch knows which.

    Args:
        options: the config of the optimiser.

    Raises:
        UserError: an unknown option, a value out of range, or what torch says of one parameter's update.
    """
    OPTIMIZERS.check(options, facts=("params",))
    parameter = nn.Parameter(torch.zeros(1))
    parameter.grad = torch.zeros(1)
    try:
        OPTIMIZERS.build(options, params=[parameter]).step()
    except (AssertionError, RuntimeError, ValueError) as problem:
        raise UserError(f"optimizer {options['name']}: {problem}") from None


def build_optimizer(
    options: Mapping[str, Any], groups: Sequence[Mapping[str, Any]], mixed_precision: bool = False
) -> Optimizer:
    """Build an optimiser, in torch's fused form where there is one.

    That reads and writes every number once: of 4.6 million parameters it takes a third of the time on a CPU.

    Args:
        options: the config of the optimiser; `fused` and what excludes it are the user's choice.
        groups: from `parameter_groups`.
        mixed_precision: whether gradients may be scaled, which Lightning does not clip for such an optimiser.

    Returns:
        The optimiser.
    """
    if options["name"] in FUSED and not mixed_precision and not EXCLUDE_FUSED & options.keys():
        options = {**options, "fused": True}
    return OPTIMIZERS.build(options, params=list(groups))


def parameter_groups(module: nn.Module, encoder: Encoder | None) -> list[dict[str, Any]]:
    """Return the trained parameters of a module as torch's optimisers take them, each once.

    Args:
        module: what is trained.
        encoder: its image encoder, or None; a group of its parameters has its own rate where it has one.

    Returns:
        A group of all parameters outside the encoder, then the encoder's groups.
    """
    groups: list[dict[str, Any]] = [
        {"params": group.parameters} | ({} if group.learning_rate is None else {"lr": group.learning_rate})
        for group in (encoder.trained_groups() if encoder is not None else [])
        if group.parameters
    ]
    in_encoder = {id(parameter) for group in groups for parameter in group["params"]}
    rest = [p for p in module.parameters() if p.requires_grad and id(p) not in in_encoder]
    return [{"params": rest}, *groups]
