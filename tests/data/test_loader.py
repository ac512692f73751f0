"""The loader's order is a function of seed and epoch, and going on is exact."""

import pytest
import torch

from captioner.data.loader import NO_SAMPLES, ResumableLoader, SampleIndex

GROUPS = [7, 4, 7, 4, 4, 9, 7, 4, 4, 7, 4]  # 4 of 7, 6 of 4, 1 of 9


class Numbers:
    """Items whose batch is the list of their places."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitems__(self, places: list[SampleIndex]) -> list[tuple[int, int]]:
        return [tuple(place) for place in places]


def loader(count=11, batch_size=3, *, shuffle=True, seed=5, **options):
    return ResumableLoader(Numbers(count), batch_size, shuffle=shuffle, seed=seed, **options)


def epochs(made, count=3):
    return [list(made) for _ in range(count)]


def numbers(batches):
    return [number for batch in batches for _, number in batch]


def test_an_epoch_shows_every_item_once_in_batches_of_the_size():
    for number, batches in enumerate(epochs(loader())):
        assert sorted(numbers(batches)) == list(range(11))
        assert [len(batch) for batch in batches] == [3, 3, 3, 2]
        assert {epoch for batch in batches for epoch, _ in batch} == {number}


def test_the_order_is_another_in_every_epoch_and_with_every_seed_and_with_nothing_else():
    torch.manual_seed(1)
    first = epochs(loader())
    torch.manual_seed(2)
    assert epochs(loader()) == first
    orders = [tuple(numbers(batches)) for batches in first + epochs(loader(seed=6))]
    assert len(set(orders)) == 6


def test_chance_is_left_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    epochs(loader())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("given_out", range(1, 10))
@pytest.mark.parametrize("length_buckets", [None, GROUPS])
def test_going_on_gives_what_would_have_come(given_out, length_buckets):
    """4 or 5 batches an epoch: the places include the ends of two epochs."""
    whole = [batch for batches in epochs(loader(length_buckets=length_buckets), 4) for batch in batches]
    stopped = loader(length_buckets=length_buckets)
    taken = []
    while len(taken) < given_out:
        for batch in stopped:
            taken.append(batch)
            if len(taken) == given_out:
                break
    resumed = loader(length_buckets=length_buckets)
    resumed.go_on_from(stopped.position())
    while len(taken) < len(whole):
        taken += list(resumed)
    assert taken == whole


def test_without_shuffling_every_pass_is_the_same_from_the_start():
    """Also after one that was left early, as validation on a few batches is."""
    made = loader(shuffle=False)
    expected = [[(0, n) for n in range(start, min(start + 3, 11))] for start in range(0, 11, 3)]
    next(iter(made))
    assert epochs(made) == [expected] * 3


@pytest.mark.parametrize(("count", "replicas"), [(11, 2), (12, 3), (10, 4), (2, 5), (9, 4)])
def test_replicas_share_an_epoch_in_equally_many_batches_and_see_each_item_once(count, replicas):
    made = [loader(count, 2, rank=rank, num_replicas=replicas) for rank in range(replicas)]
    for _ in range(2):
        parts = [list(one) for one in made]
        assert {len(part) for part in parts} == {len(made[0])}
        seen = [number for part in parts for number in numbers(part)]
        assert sorted(seen) == list(range(count))
        together = [sorted(numbers(batches)) for batches in zip(*parts, strict=True)]
        assert all(len(batch) == 2 * replicas for batch in together[:-1])
        assert all(one is NO_SAMPLES for part in parts for one in part if not one)


@pytest.mark.parametrize("length_buckets", [None, GROUPS])
@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2), (2, 3), (3, 2)])
@pytest.mark.parametrize("steps", [1, 2])
def test_other_numbers_of_processes_go_on_with_what_is_left(length_buckets, before, after, steps):
    """Also where what was given out is no multiple of the new number; then a whole epoch follows."""

    def share(replicas):
        ranks = range(replicas)
        return [loader(11, 2, length_buckets=length_buckets, rank=r, num_replicas=replicas) for r in ranks]

    def take(one):
        batches = iter(one)
        return [next(batches) for _ in range(min(steps, len(one)))]

    stopped, resumed = share(before), share(after)
    seen = numbers([batch for one in stopped for batch in take(one)])
    for one in resumed:
        one.go_on_from(stopped[0].position())
    if resumed[0].pending:
        seen += numbers([batch for one in resumed for batch in one])
    assert sorted(seen) == list(range(11))
    assert sorted(numbers([batch for one in resumed for batch in one])) == list(range(11))


def test_workers_give_the_same_batches():
    assert epochs(loader(num_workers=2), 2) == epochs(loader(), 2)


def test_batches_of_groups_hold_one_group_and_every_item_once():
    for batches in epochs(loader(length_buckets=GROUPS)):
        assert sorted(numbers(batches)) == list(range(11))
        assert sorted(len(batch) for batch in batches) == [1, 1, 3, 3, 3]
        assert all(len({GROUPS[number] for _, number in batch}) == 1 for batch in batches)
    assert len(loader(length_buckets=GROUPS)) == 5


def test_batches_of_groups_come_in_another_order_every_epoch():
    orders = {
        tuple(GROUPS[batch[0][1]] for batch in batches)
        for batches in epochs(loader(length_buckets=GROUPS), 9)
    }
    assert len(orders) > 2


def test_processes_share_batches_of_groups_out():
    shares = [list(loader(length_buckets=GROUPS, rank=rank, num_replicas=2)) for rank in range(2)]
    assert (
        [len(share) for share in shares] == [3, 3] == [len(loader(length_buckets=GROUPS, num_replicas=2))] * 2
    )
    assert sorted(numbers(shares[0] + shares[1])) == list(range(11))
