"""A loader that can stop in the middle of an epoch and go on exactly there."""

from collections.abc import Iterator
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import torch
from torch.utils.data import DataLoader

Batch = TypeVar("Batch")
Made = TypeVar("Made", covariant=True)


class Place(NamedTuple):
    """An item of an epoch: all that is random about it may depend on these two and the seed."""

    epoch: int
    number: int


class Batches(Protocol[Made]):
    """What can make a batch of the items at some places."""

    def __len__(self) -> int: ...

    def __getitems__(self, places: list[Place]) -> Made: ...


class ResumableLoader(Generic[Batch]):
    """Batches in an order that depends on seed and epoch alone; its position is a value to save.

    Each of `num_replicas` processes sees every `num_replicas`-th item; the last batches are filled up
    with items from the start of the order, so that all processes have the same number. Without `shuffle`
    every pass has the same order, and is whole unless the loader `goes_on` where it was stopped.
    """

    def __init__(
        self,
        items: Batches[Batch],
        batch_size: int,
        *,
        shuffle: bool,
        goes_on: bool | None = None,
        seed: int = 0,
        num_workers: int = 0,
        rank: int = 0,
        num_replicas: int = 1,
    ) -> None:
        self.items = items
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.goes_on = shuffle if goes_on is None else goes_on
        self.seed = seed
        self.num_workers = num_workers
        self.rank = rank
        self.num_replicas = num_replicas
        self.epoch = 0
        self.position = 0

    def __len__(self) -> int:
        share = -(-len(self.items) // self.num_replicas)
        return -(-share // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        if not self.goes_on:
            self.epoch = self.position = 0
        elif self.position >= len(self):
            self.epoch, self.position = self.epoch + 1, 0
        pending = self._epoch_batches()[self.position :]
        loader: DataLoader[Any] = DataLoader(
            self.items,  # type: ignore[arg-type]
            batch_sampler=pending,
            collate_fn=_as_it_is,
            num_workers=self.num_workers,
            generator=torch.Generator(),  # else it draws from the one that dropout draws from
            pin_memory=torch.cuda.is_available(),
        )
        for batch in loader:
            self.position += 1
            yield batch

    def _epoch_batches(self) -> list[list[Place]]:
        count = len(self.items)
        order = list(range(count))
        if self.shuffle:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
            order = torch.randperm(count, generator=generator).tolist()
        share = -(-count // self.num_replicas)
        ranks = range(self.rank, share * self.num_replicas, self.num_replicas)
        mine = [Place(self.epoch, order[i % count]) for i in ranks]
        return [mine[i : i + self.batch_size] for i in range(0, len(mine), self.batch_size)]

    def state_dict(self) -> dict[str, int]:
        """Where it stands: the epoch, and how many of its batches were given out."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Go on from there."""
        self.epoch, self.position = state_dict["epoch"], state_dict["position"]


def _as_it_is(batch: Batch) -> Batch:
    return batch
