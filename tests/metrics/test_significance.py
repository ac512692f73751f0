"""Intervals and tests against scores of captions that are really drawn or swapped, and against theory."""

import itertools
import random

import numpy as np
import pytest

from captioner.metrics import significance
from captioner.metrics.bleu import bleu
from captioner.metrics.scores import score_captions
from captioner.metrics.significance import compare, intervals

WORDS = "a dog red runs over two cats on grass bed".split()  # noqa: SIM905


def captions(num_images, seed):
    """Candidates of two captioners and references by image id, most words shared."""
    rng = random.Random(seed)

    def sentence():
        return " ".join(rng.choices(WORDS, k=rng.randint(2, 9)))

    def near(text):
        return " ".join(word if rng.random() < 0.7 else rng.choice(WORDS) for word in text.split())

    references = {i: [sentence() for _ in range(rng.randint(1, 4))] for i in range(num_images)}
    good = {i: near(group[0]) for i, group in references.items()}
    poor = {i: near(near(group[-1])) for i, group in references.items()}
    return good, poor, references


def test_a_draw_scores_as_the_captions_that_it_drew():
    good, _, references = captions(13, seed=3)
    scores = score_captions(good, references)
    (times_RN,) = significance._drawn(13, 5)
    assert (times_RN.sum(axis=1) == 13).all()
    sums = times_RN @ significance._table(scores.statistics)
    found = significance._scores(scores.statistics, sums)
    for draw, times in enumerate(times_RN.astype(int)):
        places = [place for place in range(13) for _ in range(times[place])]
        said, truth = [scores.tokens[p] for p in places], [scores.references[p] for p in places]
        for suffix, penalty in (("", True), ("_no_bp", False)):
            expected = bleu(said, truth, brevity_penalty=penalty)
            ours = [found[f"bleu{order}{suffix}"][draw] for order in range(1, 5)]
            assert ours == pytest.approx(expected[:4], rel=1e-9)
        for name in ("rouge_l", "cider_d"):
            values = [scores.per_image[place][name] for place in places]
            assert found[name][draw] == pytest.approx(np.mean(values))


def test_intervals_hold_the_score_and_are_those_of_a_mean():
    good, _, references = captions(400, seed=5)
    scores = score_captions(good, references)
    found = intervals(scores.statistics, 4000)
    additive = {name: score for name, score in scores.as_dict().items() if name != "distinct"}
    assert list(found) == list(additive)
    for name, score in additive.items():
        assert found[name].low < score < found[name].high
    values = np.array([image["rouge_l"] for image in scores.per_image.values()])
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert found["rouge_l"] == pytest.approx((values.mean() - half, values.mean() + half), abs=0.06 * half)


def test_draws_in_parts_are_all_there(monkeypatch):
    monkeypatch.setattr(significance, "_DRAWS_AT_ONCE", 30)
    parts = list(significance._drawn(7, 10)) + list(significance._swaps(7, 10))
    assert [part.shape for part in parts] == [(4, 7), (4, 7), (2, 7)] * 2


def test_without_a_metric_that_adds_up_there_is_nothing_to_draw():
    scores = score_captions({1: "a"}, {1: ["a"]}, metrics=["distinct"])
    assert scores.as_dict() == {"distinct": 1}
    assert intervals(scores.statistics) == compare(scores.statistics, scores.statistics) == {}


def test_equal_images_give_no_width():
    scores = score_captions(dict.fromkeys(range(5), "a red dog"), {i: ["a dog on a bed"] for i in range(5)})
    for name, (low, high) in intervals(scores.statistics, 50).items():
        assert low == pytest.approx(high) == pytest.approx(scores.as_dict()[name])


def test_p_equals_that_of_all_swaps():
    good, poor, references = captions(7, seed=11)
    found = compare(*(score_captions(said, references).statistics for said in (good, poor)), 8000)
    difference = {
        name: score_captions(good, references).as_dict()[name] - score
        for name, score in score_captions(poor, references).as_dict().items()
        if name in found
    }
    assert len(difference) == 10
    at_least = dict.fromkeys(difference, 0)
    for swaps in itertools.product([False, True], repeat=7):
        one = {i: poor[i] if swap else good[i] for i, swap in enumerate(swaps)}
        other = {i: good[i] if swap else poor[i] for i, swap in enumerate(swaps)}
        ones, others = (score_captions(said, references).as_dict() for said in (one, other))
        for name, gap in difference.items():
            at_least[name] += abs(ones[name] - others[name]) >= abs(gap) - 1e-12
    assert len({found[name].p_value for name in difference}) > 3
    for name, gap in difference.items():
        assert found[name].difference == pytest.approx(gap)
        assert found[name].p_value == pytest.approx(at_least[name] / 2**7, abs=0.025)


def test_pairing_counts():
    """A gain on every fourth image and no loss is certain, though both captioners' intervals overlap."""
    good, _, references = captions(60, seed=2)
    worse = {i: text if i % 4 else " ".join(["zebra", *text.split()[1:]]) for i, text in good.items()}
    one, other = (score_captions(said, references).statistics for said in (good, worse))
    found = compare(one, other, 500)["bleu1"]
    assert intervals(other, 500)["bleu1"].high > intervals(one, 500)["bleu1"].low
    assert 0 < found.interval.low < found.difference < found.interval.high
    assert found.p_value == 1 / 501
    turned = compare(other, one, 500)["bleu1"]
    assert turned.difference == pytest.approx(-found.difference)
    assert turned.interval == pytest.approx((-found.interval.high, -found.interval.low))


def test_a_captioner_does_not_differ_from_itself():
    good, _, references = captions(9, seed=4)
    statistics = score_captions(good, references).statistics
    assert set(compare(statistics, statistics, 40).values()) == {(0, (0, 0), 1)}


def test_other_numbers_of_images_are_refused():
    one, other = (score_captions(*captions(n, seed=1)[::2]).statistics for n in (4, 6))
    with pytest.raises(ValueError, match="4 images cannot be paired with 6"):
        compare(one, other)
    with pytest.raises(ValueError, match="different metrics"):
        compare(one, one[:2])
