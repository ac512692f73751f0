"""Memory problems: what is drawn, and the losses without memory against brute force."""

import math
from itertools import product

import numpy as np
import pytest
import torch

from captioner.config import TrainingConfig
from captioner.data.loader import SampleIndex
from captioner.data.memory.base import MEMORY_PROBLEMS
from captioner.data.memory.batches import MemoryData, MemoryItems
from captioner.errors import UserError

LENGTHS = {"copy": 7, "adding": 9, "order": 23}
NAMES = sorted(MEMORY_PROBLEMS)


def drawn(name, count=2000, **options):
    problem = MEMORY_PROBLEMS.build({"name": name, "length": LENGTHS[name], "num_train": count} | options)
    data = MemoryData(problem, TrainingConfig(batch_size=count), seed=3)
    return problem, next(iter(data.training_loader()))


def test_every_problem_is_here():
    assert sorted(LENGTHS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_sizes_are_those_announced(name):
    problem, batch = drawn(name)
    assert batch.inputs_NTE.shape == (2000, problem.steps, problem.input_dim)
    assert batch.inputs_NTE.dtype == torch.float
    assert batch.targets.shape == (2000, problem.scored_steps)
    outputs = torch.zeros(2000, problem.scored_steps, problem.output_dim)
    assert problem.score(outputs, batch.targets).num_answers == 2000 * (10 if name == "copy" else 1)


def test_copy_shows_ten_symbols_a_pause_a_signal_and_wants_them_back():
    problem, batch = drawn("copy")
    shown_NT = batch.inputs_NTE.argmax(dim=2)
    assert (batch.inputs_NTE.sum(dim=2) == 1).all()
    assert problem.steps == 7 + 20
    assert (shown_NT[:, :10] < 8).all()
    assert (shown_NT[:, 10:16] == 8).all()
    assert (shown_NT[:, 16] == 9).all()  # the signal: from the next step on the symbols are wanted
    assert (shown_NT[:, 17:] == 8).all()
    assert (batch.targets[:, :17] == 8).all()
    assert torch.equal(batch.targets[:, 17:], shown_NT[:, :10])
    assert sorted(set(shown_NT[:, :10].flatten().tolist())) == list(range(8))


def test_adding_marks_one_number_in_each_half():
    _, batch = drawn("adding")
    values_NT, marks_NT = batch.inputs_NTE.unbind(dim=2)
    assert (marks_NT[:, :4].sum(dim=1) == 1).all()
    assert (marks_NT[:, 4:].sum(dim=1) == 1).all()
    torch.testing.assert_close(batch.targets[:, 0], (values_NT * marks_NT).sum(dim=1))
    assert set(marks_NT.nonzero()[:, 1].tolist()) == set(range(9))
    assert 0 <= values_NT.min() < 0.001
    assert 0.999 < values_NT.max() < 1


def test_order_shows_two_symbols_in_their_places():
    _, batch = drawn("order")
    shown_NT = batch.inputs_NTE.argmax(dim=2)
    assert (shown_NT[:, 0] == 6).all()
    assert (shown_NT[:, -1] == 7).all()
    told = (shown_NT == 4) | (shown_NT == 5)
    assert (told.sum(dim=1) == 2).all()
    places = told.nonzero()[:, 1].view(-1, 2)
    assert set(places[:, 0].tolist()) == {2, 3}  # 10 to 20 % of 23
    assert set(places[:, 1].tolist()) == {11, 12}  # 50 to 60 %
    symbols_N2 = shown_NT[told].view(-1, 2) - 4
    assert torch.equal(batch.targets[:, 0], 2 * symbols_N2[:, 0] + symbols_N2[:, 1])
    assert set(shown_NT[:, 1].tolist()) == {0, 1, 2, 3}


def test_the_loss_without_memory_of_copy_and_order_is_that_of_the_best_constant_answers():
    """The best distribution for each step is that of its targets."""
    for name in ("copy", "order"):
        problem, batch = drawn(name, count=20_000)
        classes = torch.nn.functional.one_hot(batch.targets, problem.output_dim).float()
        shares_TO = classes.mean(dim=0)
        logits = shares_TO.clamp_min(1e-9).log().expand(20_000, -1, -1)
        assert problem.score(logits, batch.targets).loss.item() == pytest.approx(problem.baseline, rel=2e-3)
    assert MEMORY_PROBLEMS.build({"name": "copy", "length": 30}).baseline == 10 * math.log(8) / 50


def test_the_loss_without_memory_of_adding_is_the_variance_of_the_sum():
    """Of two uniform numbers, summed over a grid of both."""
    grid = (np.arange(400) + 0.5) / 400
    sums = np.array([a + b for a, b in product(grid, grid)])
    problem, batch = drawn("adding", count=20_000)
    assert problem.baseline == pytest.approx(sums.var(), rel=1e-4)
    found = problem.score(torch.ones(20_000, 1, 1), batch.targets)
    assert found.loss.item() == pytest.approx(problem.baseline, rel=0.03)
    assert int(found.num_right) == int(((batch.targets - 1).abs() < 0.04).sum())


@pytest.mark.parametrize("name", NAMES)
def test_the_right_answers_score_as_right(name):
    problem, batch = drawn(name, count=50)
    if name == "adding":
        outputs = batch.targets.unsqueeze(2)
    else:
        outputs = 100 * torch.nn.functional.one_hot(batch.targets, problem.output_dim).float()
    found = problem.score(outputs, batch.targets)
    assert found.loss < 1e-6
    assert found.num_right == found.num_answers


def test_only_the_symbols_of_copy_count_as_answers():
    problem, batch = drawn("copy", count=400)
    blanks = torch.zeros(400, problem.steps, 9)
    blanks[..., 8] = 1
    assert problem.score(blanks, batch.targets).num_right == 0
    always_two = torch.zeros(400, problem.steps, 9)
    always_two[..., 2] = 1
    found = problem.score(always_two, batch.targets)
    assert found.num_right == (batch.targets == 2).sum()
    assert found.num_answers == 4000


@pytest.mark.parametrize("name", NAMES)
def test_epochs_splits_and_seeds_differ_and_validation_stays(name):
    problem, _ = drawn(name)
    data = MemoryData(problem, TrainingConfig(batch_size=40), seed=3)
    loader = data.training_loader()
    first, second = ([batch.inputs_NTE for batch in loader] for _ in range(2))
    assert not torch.equal(torch.cat(first).sum(dim=0), torch.cat(second).sum(dim=0))
    validation = [[batch.inputs_NTE for batch in data.validation_loader()] for _ in range(2)]
    assert all(torch.equal(a, b) for a, b in zip(*validation, strict=True))
    kinds = [("train", 3), ("train", 4), ("val", 3), ("test", 3)]
    seen = [MemoryItems(problem, split, seed) for split, seed in kinds]
    first_thirty = [SampleIndex(0, number) for number in range(30)]
    assert len({items.__getitems__(first_thirty).inputs_NTE.numpy().tobytes() for items in seen}) == 4
    val = [MemoryItems(problem, "val", seed).__getitems__([SampleIndex(0, 5)]) for seed in (1, 2)]
    assert torch.equal(val[0].inputs_NTE, val[1].inputs_NTE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "copy", "length": 0}, "length must be at least 1"),
        ({"name": "adding", "length": 1}, "length must be at least 2"),
        ({"name": "order", "length": 9}, "length must be at least 10"),
        ({"name": "copy", "num_val": 0}, "num_val must be at least 1, not 0"),
        ({"name": "ading"}, "Did you mean adding"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(UserError, match=message):
        MEMORY_PROBLEMS.build(options)
