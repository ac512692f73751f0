"""A metric added as one file shows in every score, table, interval, test, oracle and result file."""

import csv
import importlib
import json
import sys

import pytest

from captioner import metrics
from captioner.commands import main
from captioner.commands.printing.tables import score_table
from captioner.metrics.base import METRICS, default_metrics, figure_labels
from captioner.metrics.n_best import n_best_scores
from captioner.metrics.scores import score_captions
from captioner.metrics.significance import compare, intervals

SOURCE = '''
"""The length of a caption over the mean length of its references."""

import numpy as np

from captioner.metrics.base import METRICS, AdditiveMetric


@METRICS.register("length_ratio")
class LengthRatio(AdditiveMetric):
    """The mean over images."""

    labels = {"length_ratio": "length ratio"}
    image_figures = ("length_ratio",)
    oracle = "length_ratio"

    def statistics(self, corpus):
        pairs = zip(corpus.candidates, corpus.references, strict=True)
        return np.array([[len(c) * len(group) / sum(map(len, group))] for c, group in pairs])

    def compute(self, sums, num_images):
        return {"length_ratio": sums[..., 0] / num_images}
'''
MINE = {3: "a red dog runs", 11: "two cats", 20: "a bus"}
THEIRS = {3: "a dog", 11: "two cats", 20: "a"}
TRUE = {3: ["a dog runs"], 11: ["two cats sleep", "cats"], 20: ["a bus on the street"]}
RATIOS = {3: 4 / 3, 11: 2 / 2, 20: 2 / 5}
MEAN = sum(RATIOS.values()) / 3


@pytest.fixture(autouse=True)
def added(tmp_path, monkeypatch):
    """The file in the folder of metrics, until the test ends."""
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "length_ratio.py").write_text(SOURCE)
    monkeypatch.setattr(metrics, "__path__", [*metrics.__path__, str(folder)])
    monkeypatch.setattr(metrics, "length_ratio", None, raising=False)
    monkeypatch.setattr(METRICS, "_makers", dict(METRICS._makers))
    monkeypatch.setattr(METRICS, "_imported", False)
    importlib.invalidate_caches()
    yield
    sys.modules.pop("captioner.metrics.length_ratio")


def test_scores_and_table():
    scores = score_captions(MINE, TRUE)
    assert scores.as_dict()["length_ratio"] == pytest.approx(MEAN)
    assert {i: one["length_ratio"] for i, one in scores.per_image.items()} == pytest.approx(RATIOS)
    assert "length_ratio" not in score_captions(MINE, TRUE, metrics=["bleu"]).as_dict()
    assert list(score_captions(MINE, TRUE, metrics=["length_ratio"]).as_dict()) == ["length_ratio"]
    last = score_table({"test": scores.as_dict()}, "3 images").splitlines()[-1]
    assert last == f"length ratio                      {MEAN:10.3f}"


def test_intervals_and_paired_test():
    mine, theirs = (score_captions(said, TRUE) for said in (MINE, THEIRS))
    low, high = intervals(mine.statistics, 300)["length_ratio"]
    assert min(RATIOS.values()) <= low < MEAN < high <= max(RATIOS.values())
    found = compare(mine.statistics, theirs.statistics, 300)["length_ratio"]
    assert found.difference == pytest.approx((2 / 3 + 0 + 1 / 5) / 3)
    assert found.p_value == pytest.approx(1 / 2, abs=0.1)  # two images differ: 2 of 4 ways to swap


def test_oracle_picks_by_it():
    lists = [[["a", "dog"], ["a", "red", "dog", "runs"]], [["two", "cats"]], [["bus"], ["a", "bus"]]]
    references = [[one.split() for one in group] for group in TRUE.values()]
    found = n_best_scores(lists, references, 2)
    assert found[2]["length_ratio"] == pytest.approx(MEAN)
    assert found[1]["length_ratio"] == pytest.approx((2 / 3 + 1 + 1 / 5) / 3)
    assert {"bleu4", "cider_d", "distinct1"} < set(found[2])


def test_results_of_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, captions in {"mine": MINE, "theirs": THEIRS}.items():
        rows = [{"image_id": i, "caption": text} for i, text in captions.items()]
        (tmp_path / f"{name}.json").write_text(json.dumps(rows))
    annotations = [{"image_id": i, "caption": text} for i, group in TRUE.items() for text in group]
    (tmp_path / "true.json").write_text(json.dumps(annotations))
    main("score", ["mine.json", "true.json", "--compare", "theirs.json", "--tokenizer", "python"])
    assert capsys.readouterr().out.count("\nlength ratio  ") == 2
    results = json.loads((tmp_path / "mine-scores/results.json").read_text())
    assert results["scores"]["length_ratio"] == pytest.approx(MEAN)
    assert set(results["intervals"]) >= {"length_ratio", "bleu4"}
    assert results["comparison"]["scores"]["length_ratio"]["difference"] > 0
    with (tmp_path / "mine-scores/per_image.csv").open(newline="") as file:
        assert [float(row["length_ratio"]) for row in csv.DictReader(file)] == pytest.approx(
            [*RATIOS.values()]
        )


def test_it_is_listed():
    assert default_metrics() == ["bleu", "rouge_l", "cider_d", "distinct", "length_ratio"]
    assert figure_labels()["length_ratio"] == "length ratio"
