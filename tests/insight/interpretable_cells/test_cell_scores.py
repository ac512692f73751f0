"""Scores and controls against brute force and numpy."""

import numpy as np
import pytest

from captioner.insight.interpretable_cells.correlations import correlate
from captioner.insight.interpretable_cells.nulls import control_label, lookup, shifted
from captioner.insight.interpretable_cells.probe import Probes
from captioner.insight.interpretable_cells.recording import Recording
from captioner.insight.interpretable_cells.scores import (
    Curve,
    bootstrap,
    codes_of,
    last_defined,
    mean_by_label,
    pearson,
    score,
    strength,
)
from captioner.insight.interpretable_cells.signals import Signal


def drawn(seed, length=300):
    rng = np.random.default_rng(seed)
    label = (rng.random(length) < 0.3).astype(np.float32)
    values = np.round(rng.normal(size=length) + label, 1).astype(np.float16)  # with ties
    return rng, values, label


def precision_by_hand(values, on):
    """The area under the steps of precision over recall, threshold by threshold."""
    area, before = 0.0, 0.0
    for threshold in sorted(set(values.tolist()), reverse=True):
        said = values >= threshold
        recall = (said & on).sum() / on.sum()
        area += (recall - before) * (said & on).sum() / said.sum()
        before = recall
    return area


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_and_overlap_are_those_of_every_threshold(seed):
    _, values, label = drawn(seed)
    on = label > 0
    curve = Curve.of(codes_of(values), on)
    assert curve.average_precision() == pytest.approx(precision_by_hand(values, on), abs=1e-12)
    assert curve.flipped().average_precision() == pytest.approx(precision_by_hand(-values, on), abs=1e-12)
    iou = curve.iou()
    for value, code in zip(values, codes_of(values), strict=True):
        said = values >= value
        assert iou[code] == pytest.approx((said & on).sum() / (said | on).sum(), abs=1e-12)


def test_codes_are_in_the_order_of_the_numbers():
    values = np.array([-np.inf, -2, -1e-7, -0.0, 0.0, 1e-7, 0.5, 1, np.inf], np.float16)
    codes = codes_of(values).astype(int)
    assert codes[3] == codes[4]
    assert (np.diff(np.delete(codes, 4)) > 0).all()


@pytest.mark.parametrize("graded", [False, True])
def test_places_where_a_label_is_not_defined_do_not_count(graded):
    rng, values, label = drawn(7)
    label = label * rng.integers(1, 4, len(label)).astype(np.float32) if graded else label
    missing = rng.random(len(label)) < 0.2
    holes = np.where(missing, np.nan, label).astype(np.float32)
    expected = score(values[~missing], label[~missing], graded)
    assert score(values, holes, graded) == pytest.approx(expected, abs=1e-12)
    if graded:
        assert expected == pytest.approx(np.corrcoef(values[~missing].astype(float), label[~missing])[0, 1])


def test_correlations_of_all_columns_at_once_are_numpys():
    rng = np.random.default_rng(3)
    T, H = 700, 5
    values = rng.normal(size=(T, 2 * H)).astype(np.float16)
    values[:, 3] = 0.5  # does not vary
    nothing = np.zeros((T, 5))
    recording = Recording(
        [Signal(1, "h"), Signal(1, "c")],
        H,
        values,
        np.zeros(T, np.float32),
        nothing.astype(np.int16),
        nothing.astype(np.float16),
    )
    labels = [rng.normal(size=T).astype(np.float32) + values[:, 4], (rng.random(T) < 0.1).astype(np.float32)]
    labels[0][rng.random(T) < 0.3] = np.nan
    found = correlate(recording, labels, slice(40, 620))
    for label, row in zip(labels, found, strict=True):
        defined = np.flatnonzero(~np.isnan(label[40:620])) + 40
        for column in range(2 * H):
            expected = 0.0
            if column != 3:
                expected = np.corrcoef(values[defined, column].astype(float), label[defined])[0, 1]
            assert row[column] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("graded", [False, True])
def test_the_interval_holds_the_score_and_shrinks_with_the_text(graded):
    widths = []
    for length in (2_000, 32_000):
        _, values, label = drawn(1, length)
        interval = bootstrap(values, label, graded)
        assert interval.low < score(values, label, graded) < interval.high
        widths.append(interval.high - interval.low)
    assert widths[1] < widths[0] / 2  # a quarter is expected


def test_strength_is_zero_for_chance_and_one_for_a_perfect_unit():
    assert strength(0.2, 0.2) == 0
    assert strength(1.0, 0.2) == 1
    assert strength(-0.7, None) == 0.7
    assert pearson(np.ones(4), np.arange(4.0)) == 0


def test_a_lookup_is_the_mean_after_the_same_characters():
    rng = np.random.default_rng(4)
    codes = rng.integers(97, 101, 600).astype(np.uint32)
    label = rng.random(600).astype(np.float32)
    label[rng.random(600) < 0.1] = np.nan
    half = 250
    found = lookup(label, codes, half)
    for at in range(600):
        expected = np.nanmean(label[:half])
        for length in (1, 2, 3):
            same = [
                t
                for t in range(half)
                if not np.isnan(label[t])
                and all(
                    (codes[t - k] if t >= k else None) == (codes[at - k] if at >= k else None)
                    for k in range(length)
                )
            ]
            if len(same) >= 3:
                expected = label[same].mean()
        assert found[at] == pytest.approx(expected, abs=1e-6)


def test_a_control_label_belongs_to_three_characters_and_has_the_labels_values():
    rng = np.random.default_rng(6)
    codes = rng.integers(97, 103, 4_000).astype(np.uint32)
    label = np.where(rng.random(4_000) < 0.2, 3.0, 0.0).astype(np.float32)
    label[5] = np.nan
    found = control_label(label, codes, rng)
    assert np.isnan(found[5])
    assert set(found[~np.isnan(found)]) == {0.0, 3.0}
    by_context = {}
    for at in range(6, 4_000):
        by_context.setdefault(tuple(codes[at - 2 : at + 1]), set()).add(found[at])
    assert {len(values) for values in by_context.values()} == {1}
    assert {values.pop() for values in by_context.values()} == {0.0, 3.0}


def test_a_shifted_label_is_the_label_turned_round():
    label = np.arange(5_000, dtype=np.float32)
    for seed in range(20):
        moved = shifted(label, np.random.default_rng(seed))
        by = int(moved.argmin())
        assert 1_000 <= by < 4_000
        np.testing.assert_array_equal(moved, np.roll(label, by))


def test_an_undefined_label_keeps_the_last_value():
    found = last_defined(np.array([np.nan, 2, np.nan, np.nan, 0, np.nan], np.float32))
    np.testing.assert_array_equal(found, [np.nan, 2, 2, 2, 0, 0])


def test_means_by_label_are_of_the_first_half():
    rng = np.random.default_rng(8)
    label = rng.integers(0, 3, 900).astype(np.float32)
    label[rng.random(900) < 0.1] = np.nan
    values = rng.normal(size=900).astype(np.float32)
    found = mean_by_label(values, label, 400)
    for at in range(900):
        same = np.isnan(label[:400]) if np.isnan(label[at]) else label[:400] == label[at]
        assert found[at] == pytest.approx(values[:400][same].mean(), abs=1e-6)


def recorded(values):
    T, H = values.shape
    nothing = np.zeros((T, 5))
    return Recording(
        [Signal(1, "h")],
        H,
        values.astype(np.float16),
        np.zeros(T, np.float32),
        nothing.astype(np.int16),
        nothing.astype(np.float16),
    )


def test_a_probe_finds_a_sum_of_units_and_which_they_are():
    rng = np.random.default_rng(9)
    values = rng.normal(size=(4_000, 12)) * 0.3
    label = (values[:, 3] - 2 * values[:, 7]).astype(np.float32)
    label[::7] = np.nan
    found = Probes(recorded(values), 2_000).score(label, graded=True)
    assert found.every == pytest.approx(1, abs=1e-3)
    assert found.few == pytest.approx(1, abs=1e-2)
    assert found.columns[:2] == [7, 3]


def test_a_unit_that_varies_in_the_second_half_alone_does_not_spoil_a_probe():
    rng = np.random.default_rng(10)
    values = rng.normal(size=(6_000, 5)) * 0.3
    label = values[:, 0].astype(np.float32)
    values[:3_000, 4] = 0.9 + 2e-4 * label[:3_000]  # saturated, but for the last bit
    values[3_000:, 4] = rng.uniform(-1, 1, 3_000)
    assert Probes(recorded(values), 3_000).score(label, graded=True).every > 0.99
