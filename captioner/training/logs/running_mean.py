"""Means over an epoch that survive a resume."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from captioner.training.gather import gather_objects, num_processes


class RunningMean:
    """Weighted means of figures since the last reset, over all processes of a training.

    Each process has sums of its own, on the device of the figures, until means are computed or saved: all
    processes must do that together.

    >>> means = RunningMean()
    >>> means.add({"loss": torch.tensor(3.0)}, 10)
    >>> means.add({"loss": torch.tensor(1.0)}, 30)
    >>> means.compute_and_reset(), means.compute_and_reset()
    ({'loss': tensor(1.5000)}, {})
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._sizes: dict[str, int] = {}

    def add(self, figures: Mapping[str, Tensor], size: int) -> None:
        """Add means of figures over `size` words or answers; a figure may be missing in some batches."""
        for name, value in figures.items():
            former = self._sums.get(name, torch.zeros_like(value)).to(value.device)
            self._sums[name] = former + value * size
            self._sizes[name] = self._sizes.get(name, 0) + size

    def compute_and_reset(self) -> dict[str, Tensor]:
        """Return the means by name, and start again."""
        if num_processes() > 1:
            self.load_state_dict(self.state_dict())
        means = {name: total / self._sizes[name] for name, total in self._sums.items()}
        self._sums, self._sizes = {}, {}
        return means

    def state_dict(self) -> dict[str, Any]:
        """Return sums and sizes over all processes."""
        sums = {name: total.cpu() for name, total in self._sums.items()}
        parts: list[dict[str, Any]] = gather_objects({"sums": sums, "sizes": dict(self._sizes)})
        names = dict.fromkeys(name for part in parts for name in part["sizes"])
        return {
            kind: {name: sum(part[kind][name] for part in parts if name in part[kind]) for name in names}
            for kind in ("sums", "sizes")
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore sums and sizes; those of all processes belong into one of them."""
        self._sums, self._sizes = dict(state_dict["sums"]), dict(state_dict["sizes"])
