"""RunningMean over an epoch that outlive a stop."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class RunningMean:
    """RunningMean of figures over all that was added since they were last taken; what is added stays where it is.

    >>> means = RunningMean()
    >>> means.add({"loss": torch.tensor(3.0)}, 10)
    >>> means.add({"loss": torch.tensor(1.0)}, 30)
    >>> means.take(), means.take()
    ({'loss': tensor(1.5000)}, {})
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._size = 0

    def add(self, figures: Mapping[str, Tensor], size: int) -> None:
        """Add the means over `size` words or answers."""
        for name, value in figures.items():
            former = self._sums.get(name, torch.zeros_like(value)).to(value.device)
            self._sums[name] = former + value * size
        self._size += size

    def take(self) -> dict[str, Tensor]:
        """The means; from here on, nothing was added."""
        means = {name: total / self._size for name, total in self._sums.items()}
        self._sums, self._size = {}, 0
        return means

    def state_dict(self) -> dict[str, Any]:
        """What was added so far."""
        return {"sums": {name: total.cpu() for name, total in self._sums.items()}, "size": self._size}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._sums, self._size = dict(state_dict["sums"]), state_dict["size"]
