"""Shuffling by windows: every sample once, neighbours together, and going on exactly."""

import pytest
import torch

from captioner.data.loader import NO_SAMPLES, ResumableLoader, SampleIndex
from captioner.data.sample_order import MIXED_WINDOWS, shuffled

COUNT, WINDOW = 103, 7


class Positions:
    """Items whose batch is the list of their places; at the top level, since workers import it."""

    def __len__(self) -> int:
        return COUNT

    def __getitems__(self, places: list[SampleIndex]) -> list[SampleIndex]:
        return places


def loader(*, window: int | None = WINDOW, batch_size: int = 5, **options: int) -> ResumableLoader:
    return ResumableLoader(Positions(), batch_size, shuffle=True, window=window, seed=3, **options)


def order(epoch: int = 0, window: int | None = WINDOW, count: int = COUNT) -> list[int]:
    return shuffled(count, window, torch.Generator().manual_seed(epoch)).tolist()


@pytest.mark.parametrize("count", [0, 1, 6, 7, 8, 103])
@pytest.mark.parametrize("window", [1, 7, 1000])
def test_every_sample_comes_once_and_in_another_order_each_time(count: int, window: int) -> None:
    orders = [order(epoch, window, count) for epoch in range(30)]
    assert all(sorted(one) == list(range(count)) for one in orders)
    assert len({tuple(one) for one in orders}) > (25 if count > 10 else min(count, 20) - 1)
    assert orders == [order(epoch, window, count) for epoch in range(30)]


def test_the_samples_of_a_few_windows_are_mixed_and_no_others() -> None:
    """The windows of each group are the groups of a permutation of all windows; the last one is shorter."""
    for epoch in range(9):
        left = order(epoch)
        groups = []
        while left:
            windows = set()
            size = 0
            while size < len(left) and (len(windows | {left[size] // WINDOW}) <= MIXED_WINDOWS):
                windows.add(left[size] // WINDOW)
                size += 1
            expected = {n for w in windows for n in range(w * WINDOW, min((w + 1) * WINDOW, COUNT))}
            assert set(left[:size]) == expected
            groups.append(windows)
            left = left[size:]
        assert [len(group) for group in groups[:-1]] == [MIXED_WINDOWS] * (len(groups) - 1)
        assert order(epoch) != sorted(order(epoch), key=lambda n: n // WINDOW), "windows are not in order"
    mixed = order(0)[: 2 * WINDOW]
    assert len({number // WINDOW for number in mixed}) > 2, "two windows' worth comes from more than two"


def test_each_window_comes_first_about_as_often() -> None:
    firsts = [order(epoch, window=1, count=8)[0] for epoch in range(800)]
    counts = torch.bincount(torch.tensor(firsts), minlength=8)
    assert counts.min() > 60, counts  # 100 each, by four standard deviations of 9.4
    assert counts.max() < 140, counts


@pytest.mark.parametrize("given_out", [1, 13, 20, 21, 22, 40, 41])
@pytest.mark.parametrize("workers", [0, 2])
def test_going_on_with_another_number_of_workers_is_exact(given_out: int, workers: int) -> None:
    """21 batches an epoch: the positions include the end of the first."""
    made = loader()
    whole = [batch for _ in range(3) for batch in made]
    stopped = loader(num_workers=1 if workers == 0 else 0)
    taken = []
    while len(taken) < given_out:
        for batch in stopped:
            taken.append(batch)
            if len(taken) == given_out:
                break
    resumed = loader(num_workers=workers)
    resumed.go_on_from(stopped.position())
    while len(taken) < len(whole):
        taken += list(resumed)
    assert taken == whole


@pytest.mark.parametrize(("first", "then"), [(2, 1), (1, 2), (3, 2)])
def test_going_on_with_another_number_of_processes_shows_the_samples_that_are_left(
    first: int, then: int
) -> None:
    """6 rounds of batches of 4: a multiple of every number of processes."""
    seen, position = set(), None
    for rank in range(first):
        one = loader(batch_size=4, rank=rank, num_replicas=first)
        for _, batch in zip(range(6 // first), one, strict=False):
            seen |= {index.number for index in batch}
        position = one.position()
    assert len(seen) == 24 == position["samples"]
    shown = []
    for rank in range(then):
        one = loader(batch_size=4, rank=rank, num_replicas=then)
        one.go_on_from(position)
        shown += [index.number for batch in one if batch != NO_SAMPLES for index in batch]
    assert seen | set(shown) == set(range(COUNT))
    assert len(shown) == COUNT - 24


def test_without_windows_the_order_is_that_of_all_runs_before() -> None:
    generator = torch.Generator().manual_seed(3 * 1_000_003)
    expected = torch.randperm(COUNT, generator=generator).tolist()
    assert [index.number for batch in loader(window=None) for index in batch] == expected
