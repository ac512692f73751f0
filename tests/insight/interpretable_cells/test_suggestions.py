"""Units that are suggested for a short text follow a label of it in the half they were not chosen on."""

import numpy as np
import pytest

from captioner.insight.interpretable_cells.suggestions import SHORTEST, suggest_units
from captioner.insight.labels.base import LABELS
from captioner.insight.labels.syntax import SourceText

H = 37


def program(length):
    """Lines of Python of random indentation and length."""
    rng = np.random.default_rng(7)
    names = ("a", "of", "size", "number_1", "left_over")
    lines = []
    while sum(map(len, lines)) < length:
        said = " + ".join(rng.choice(names, rng.integers(1, 6)))
        lines.append(f"{' ' * 4 * rng.integers(0, 4)}{'if' if rng.random() < 0.5 else 'return'} {said}\n")
    return "".join(lines)[:length]


TEXT = program(1101)


def drifting(seed, T=None):
    """Units that know nothing of the text, half of them slow."""
    T = T or len(TEXT)
    noise_TH = np.random.default_rng(seed).normal(size=(T, H))
    for t in range(1, T):
        noise_TH[t, ::2] = 0.9 * noise_TH[t - 1, ::2] + 0.3 * noise_TH[t, ::2]
    return (noise_TH / 2).astype(np.float32)


def label(name):
    return LABELS[name](SourceText(TEXT))


@pytest.mark.parametrize(("name", "sign"), [("line", 1), ("line", -1), ("indentation", 1), ("word", -1)])
def test_a_unit_that_follows_a_label_is_suggested(name, sign):
    values_TH = drifting(1)
    label_T = label(name)
    planted_T = sign * label_T / 30 + 0.1 * values_TH[:, 23]
    values_TH[:, 23] = np.where(np.isnan(label_T), values_TH[:, 23], planted_T)
    first, *_ = suggest_units(values_TH, TEXT)
    assert (first.unit, first.label) == (23, LABELS[name].about)
    half = len(TEXT) // 2
    rows = half + np.flatnonzero(~np.isnan(label_T[half:]))
    expected = np.corrcoef(values_TH[rows, 23], label_T[rows])[0, 1]
    assert first.correlation == pytest.approx(expected, abs=2e-3)
    assert np.sign(first.correlation) == sign


def test_a_unit_that_follows_a_label_in_one_half_alone_is_not_suggested():
    half = len(TEXT) // 2
    for part in (slice(half), slice(half, None)):
        values_TH = drifting(2)
        values_TH[part, 23] = label("line")[part] / 30
        assert 23 not in [one.unit for one in suggest_units(values_TH, TEXT)]


def test_a_unit_is_suggested_once_and_the_strongest_comes_first():
    values_TH = drifting(3)
    values_TH[:, 5] = label("line") / 40 + 0.1 * values_TH[:, 5]
    values_TH[:, 8] = label("word") / 9 + 0.4 * values_TH[:, 8]
    found = suggest_units(values_TH, TEXT)
    assert {5, 8} <= {one.unit for one in found}
    assert len({one.unit for one in found}) == len(found) <= 5
    strengths = [abs(one.correlation) for one in found]
    assert strengths == sorted(strengths, reverse=True)


def test_units_that_know_nothing_are_seldom_suggested():
    """About nine labels are tried, each at a level of one in a hundred."""
    assert sum(len(suggest_units(drifting(seed), TEXT)) for seed in range(10, 40)) <= 7


def test_nothing_is_said_of_a_short_text_or_of_units_that_stand_still():
    values_TH = drifting(4)
    values_TH[:, 5] = label("line") / 40
    short = SHORTEST - 1
    assert suggest_units(values_TH[:short], TEXT[:short]) == []
    assert suggest_units(values_TH[: short + 1], TEXT[: short + 1])
    assert suggest_units(np.full((len(TEXT), H), 0.5, np.float32), TEXT) == []
    assert suggest_units(drifting(5, 500), "a" * 500) == []
