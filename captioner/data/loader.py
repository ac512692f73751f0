"""Load batches; a loader can be stopped in the middle of an epoch and resumed exactly there."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypedDict, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from captioner.data.sample_order import shuffled

Batch = TypeVar("Batch")
BatchOut = TypeVar("BatchOut", covariant=True)
Item = TypeVar("Item")


class SampleIndex(NamedTuple):
    """The index of a sample in an epoch; its randomness depends on these two numbers and the seed alone."""

    epoch: int
    number: int

    def rng_seed(self, seed: int) -> int:
        """Return the seed of the sample's own randomness; it differs in every epoch."""
        return ((seed * 1_000_003 + self.epoch) * 1_000_003 + self.number) % 2**63


class Batches(Protocol[BatchOut]):
    """A data set that makes a batch of the samples at some indices."""

    def __len__(self) -> int: ...

    def __getitems__(self, indices: list[SampleIndex]) -> BatchOut: ...


class Rounds:
    """The batches of a pass, made when they are asked for; every iteration gives the same.

    A round has a batch for each process, in the last one perhaps not for all.

    Args:
        epoch: number of the pass.
        numbers_N: numbers of the samples in their order.
        batch_size: samples of a batch; the last ones may have fewer.
        num_replicas: number of processes.
    """

    def __init__(self, epoch: int, numbers_N: Tensor, batch_size: int, num_replicas: int) -> None:
        self.epoch = epoch
        self.numbers_N = numbers_N
        self.together = batch_size * num_replicas
        self.num_replicas = num_replicas

    def __iter__(self) -> Iterator[list[list[SampleIndex]]]:
        for first in range(0, len(self.numbers_N), self.together):
            numbers = self.numbers_N[first : first + self.together].tolist()
            samples = [SampleIndex(self.epoch, number) for number in numbers]
            ranks = range(self.num_replicas)
            yield [own for rank in ranks if (own := samples[rank :: self.num_replicas])]


class OwnBatches:
    """The batches of one process.

    Args:
        rounds: the batches of all processes.
        rank: number of the process.
    """

    def __init__(self, rounds: Iterable[list[list[SampleIndex]]], rank: int) -> None:
        self.rounds = rounds
        self.rank = rank

    def __iter__(self) -> Iterator[list[SampleIndex]]:
        return (batches[self.rank] for batches in self.rounds if self.rank < len(batches))


class NoSamples(NamedTuple):
    """In place of a batch, where a process has no samples left while another one has its last batch."""


NO_SAMPLES = NoSamples()


class Position(TypedDict):
    """Where a loader is: a value to save.

    Attributes:
        epoch: number of the pass.
        batches: batches of it that all processes gave out together.
        samples: samples of it that all processes gave out together.
        ended: whether the pass has ended, though samples may be left (`trainer.limit_train_batches`).
    """

    epoch: int
    batches: int
    samples: int
    ended: bool


class ResumableLoader(Generic[Batch]):
    """Batches in an order that depends on seed and epoch alone; the position is a value to save.

    The position counts samples: a run goes on with the right ones though the batch size, or the number of
    processes, is another one. Batches of one length are counted as such, since both make other batches.

    Each of `num_replicas` processes sees every `num_replicas`-th sample, and in a pass all see each sample
    once. All give out the same number of batches, the last of which may be smaller or `NO_SAMPLES` in some.

    Args:
        items: the samples.
        batch_size: samples of a batch.
        shuffle: whether every epoch has an order of its own; otherwise all passes have the order of `items`.
        resumes: whether iteration starts at the saved position; by default where `shuffle` is on. Otherwise
            every pass is a whole one.
        length_buckets: the length of every sample; batches then hold samples of one length, which need no
            padding, and processes take turns at batches.
        window: how samples are shuffled, see `sample_order.shuffled`; not with `length_buckets`.
        seed: seed of the order.
        num_workers: processes that make batches; 0 for the main process.
        rank: number of this process.
        num_replicas: number of processes that share the samples.
        repeats: whether every pass is the first one again.

    Attributes:
        epoch: number of the current pass.
    """

    def __init__(
        self,
        items: Batches[Batch],
        batch_size: int,
        *,
        shuffle: bool,
        resumes: bool | None = None,
        length_buckets: Sequence[int] | None = None,
        window: int | None = None,
        seed: int = 0,
        num_workers: int = 0,
        rank: int = 0,
        num_replicas: int = 1,
        repeats: bool = False,
    ) -> None:
        self.items = items
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.resumes = shuffle if resumes is None else resumes
        self.length_buckets = length_buckets
        self.window = window
        self.seed = seed
        self.num_workers = num_workers
        self.rank = rank
        self.num_replicas = num_replicas
        self.repeats = repeats
        self.epoch = 0
        self._batches = self._samples = 0  # of this pass, given out by all processes
        self._goes_on = True  # whether the next pass is the rest of this one

    def __len__(self) -> int:
        if self.length_buckets is not None:
            return -(-self._num_buckets_batches() // self.num_replicas)
        return -(-len(self.items) // (self.batch_size * self.num_replicas))

    def _num_buckets_batches(self) -> int:
        """Batches of one length each, of all processes together."""
        return sum(-(-size // self.batch_size) for size in Counter(self.length_buckets).values())

    @property
    def pending(self) -> int:
        """Batches that the current pass still has."""
        if self.length_buckets is not None:
            return -(-(self._num_buckets_batches() - self._batches) // self.num_replicas)
        return -(-(len(self.items) - self._samples) // (self.batch_size * self.num_replicas))

    def __iter__(self) -> Iterator[Batch | NoSamples]:
        if not self.resumes:
            self.epoch = self._batches = self._samples = 0
        elif not self._goes_on or self.pending <= 0:
            self.epoch, self._batches, self._samples = self.epoch + 1, 0, 0
        self._goes_on = False
        rounds = self._pending_rounds()
        loader: DataLoader[Any] = DataLoader(
            self.items,  # type: ignore[arg-type]
            batch_sampler=OwnBatches(rounds, self.rank),
            collate_fn=_identity,
            num_workers=self.num_workers,
            generator=torch.Generator(),  # else it draws from the one that dropout draws from
            pin_memory=torch.cuda.is_available(),
        )
        loaded = iter(loader)
        for batches in rounds:
            batch: Batch | NoSamples = next(loaded, NO_SAMPLES)
            self._batches += len(batches)
            self._samples += sum(map(len, batches))
            yield batch

    def _pending_rounds(self) -> Iterable[list[list[SampleIndex]]]:
        """Return what is left, by rounds: a batch for each process, in the last one perhaps not for all."""
        epoch = 0 if self.repeats else self.epoch
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        order_N = self._order(len(self.items), generator, self.window)
        if self.length_buckets is None:
            # A copy: else the whole order stays in memory for the rest of the pass.
            return Rounds(epoch, order_N[self._samples :].clone(), self.batch_size, self.num_replicas)
        grouped: dict[int, list[SampleIndex]] = {}
        for number in order_N.tolist():
            grouped.setdefault(self.length_buckets[number], []).append(SampleIndex(epoch, number))
        batches = [batch for own in grouped.values() for batch in _cut(own, self.batch_size)]
        mixed = [batches[number] for number in self._order(len(batches), generator).tolist()]
        return _cut(mixed[self._batches :], self.num_replicas)

    def _order(self, count: int, generator: torch.Generator, window: int | None = None) -> Tensor:
        return shuffled(count, window, generator) if self.shuffle else torch.arange(count)

    def position(self, ended: bool = False) -> Position:
        """Return the position, with whether the pass has ended."""
        return Position(epoch=self.epoch, batches=self._batches, samples=self._samples, ended=ended)

    def go_on_from(self, position: Position) -> None:
        """Set the position at which iteration starts."""
        self.epoch = position["epoch"]
        self._batches, self._samples = position["batches"], position["samples"]
        self._goes_on = not position["ended"]


def _cut(listed: list[Item], size: int) -> list[list[Item]]:
    return [listed[i : i + size] for i in range(0, len(listed), size)]


def _identity(batch: Batch) -> Batch:
    return batch
