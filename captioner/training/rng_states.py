"""Save and restore the RNG state of every process of a training."""

from collections.abc import Mapping
from typing import Any

import torch

from captioner.training.gather import gather_objects


def rng_states() -> dict[str, Any]:
    """Return the state of the first process, and a list of those of the others; all processes call this."""
    states = gather_objects({"cpu": torch.get_rng_state(), "gpu": torch.cuda.get_rng_state_all()})
    return {**states[0], "others": states[1:]}


def set_rng_state(saved: Mapping[str, Any] | None, rank: int, seed: int) -> None:
    """Go on with the random numbers of a process.

    Args:
        saved: what `rng_states` returned; None in a run that begins.
        rank: the number of the process.
        seed: for a process that has no state there, so that it draws other numbers than the first one, whose
            state is as it is where nothing was saved.
    """
    states = [] if saved is None else [saved, *saved.get("others", [])]
    if rank >= max(1, len(states)):
        torch.manual_seed((seed * 1_000_003 + rank) % 2**63)
    elif states:
        torch.set_rng_state(states[rank]["cpu"].cpu())
        if len(states[rank]["gpu"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all([one.cpu() for one in states[rank]["gpu"]])
