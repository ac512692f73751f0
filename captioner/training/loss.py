"""Hold a loss and what is logged with it."""

from typing import NamedTuple

from torch import Tensor


class Loss(NamedTuple):
    """The loss to minimise, figures to log beside it, and of how many words or answers it is the mean."""

    loss: Tensor
    logs: dict[str, Tensor]
    size: int
