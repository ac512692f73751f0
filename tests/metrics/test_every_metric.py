"""Every registered metric keeps the rules that tables, intervals and oracles rely on."""

import random
from collections import Counter

import numpy as np
import pytest

from captioner.errors import UserError
from captioner.metrics.base import (
    METRICS,
    AdditiveMetric,
    build_metrics,
    default_metrics,
    metric_class,
    metric_names,
)
from captioner.metrics.ngrams import encode
from captioner.metrics.scores import score_captions

WORDS = ["a", "red", "dog", "runs", "on"]
ADDITIVE = [name for name in METRICS if issubclass(metric_class(name), AdditiveMetric)]


def corpus(num_images=9):
    rng = random.Random(4)
    candidates = [rng.choices(WORDS, k=rng.randint(1, 7)) for _ in range(num_images)]
    return encode(
        candidates, [[rng.choices(WORDS, k=rng.randint(1, 8)) for _ in range(3)] for _ in candidates]
    )


def test_names_are_those_of_files_and_figures_have_one_metric():
    assert all(metric_class(name).__module__ == f"captioner.metrics.{name}" for name in METRICS)
    figures = Counter(figure for name in METRICS for figure in metric_class(name).labels)
    labels = Counter(label for name in METRICS for label in metric_class(name).labels.values())
    assert max(figures.values()) == max(labels.values()) == 1


def test_order_of_tables_and_what_is_on_by_default():
    assert metric_names() == ["bleu", "rouge_l", "cider_d", "meteor", "distinct"]
    assert default_metrics() == ["bleu", "rouge_l", "cider_d", "distinct"]
    built = build_metrics(["distinct", "bleu"])
    assert [type(metric) for metric in built] == [metric_class("bleu"), metric_class("distinct")]
    with pytest.raises(UserError, match=r"no metric 'blue'\. Did you mean bleu"):
        score_captions({1: "a"}, {1: ["a"]}, metrics=["blue"])


@pytest.mark.parametrize("name", default_metrics())
def test_figures_have_labels(name):
    measured = METRICS.build({"name": name}).measure(corpus())
    assert measured.figures.keys() | measured.per_image.keys() <= metric_class(name).labels.keys()
    assert all(values_N.shape == (9,) for values_N in measured.per_image.values())


@pytest.mark.parametrize("name", ADDITIVE)
def test_scores_of_drawn_images_are_functions_of_sums(name):
    metric = METRICS.build({"name": name})
    rows_NS = metric.statistics(corpus())
    assert rows_NS.shape[0] == 9
    assert rows_NS.dtype == np.float64
    drawn = [2, 2, 5, 0]
    once = metric.of_corpus(rows_NS[drawn])
    assert list(once) == list(metric.labels)
    sums = metric.compute(np.stack([rows_NS[drawn].sum(axis=0), 5 * rows_NS[3]]), np.array([4.0, 5.0]))
    for figure, value in once.items():
        assert sums[figure] == pytest.approx([value, metric.of_corpus(rows_NS[3:4])[figure]])
    for figure, values_N in metric.of_images(rows_NS).items():
        each = [metric.of_corpus(rows_NS[i : i + 1])[figure] for i in range(9)]
        assert values_N.tolist() == pytest.approx(each)
        assert len(set(each)) > 3
    assert metric.oracle is None or metric.oracle in metric.image_figures
