"""Notice losses and weights that are not finite, without making a GPU wait at every update."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from captioner.errors import UserError

READ_EVERY = 16
"""Updates whose losses are read at once: to read a number is to wait for a GPU."""


class FiniteCheck:
    """The losses of the last updates, until they are read together."""

    def __init__(self) -> None:
        self._unread: list[tuple[int, Tensor]] = []  # update, loss

    def add(self, update: int, loss: Tensor, epoch: int) -> None:
        """Keep a loss, and read all that are kept where they are `READ_EVERY`.

        Args:
            update: the number of the update that the loss belongs to, from 1.
            loss: the loss, without a gradient.
            epoch: the number of the epoch, from 0.

        Raises:
            UserError: one of the losses that were read is not finite.
        """
        self._unread.append((update, loss))
        if len(self._unread) >= READ_EVERY:
            self.check_losses(epoch)

    def check_losses(self, epoch: int) -> None:
        """Read all losses that were added since the last reading.

        Args:
            epoch: the number of the epoch, from 0.

        Raises:
            UserError: one of them is not finite.
        """
        unread, self._unread = self._unread, []
        losses = torch.stack([loss for _, loss in unread]).tolist() if unread else []
        for (update, _), loss in zip(unread, losses, strict=True):
            if not math.isfinite(loss):
                raise _not_finite(f"The loss became {loss} at update {update}", epoch)

    def check_weights(self, weights: Iterable[Tensor], update: int, epoch: int) -> None:
        """Read whether weights are finite.

        Args:
            weights: the trained parameters, one or more.
            update: the number of the last update.
            epoch: the number of the epoch, from 0.

        Raises:
            UserError: a weight is not finite.
        """
        if not torch.stack([weight.isfinite().all() for weight in weights]).all():
            raise _not_finite(f"Weights are not finite after update {update}", epoch)


def _not_finite(what: str, epoch: int) -> UserError:
    return UserError(
        f"{what}, in epoch {epoch + 1}: lower optimizer.lr or set trainer.gradient_clip_val. Models and "
        "resume files saved before are as they were."
    )
