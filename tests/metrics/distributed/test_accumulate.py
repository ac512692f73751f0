"""Scores gathered over batches and processes against those of all images at once."""

import json
import random
import sys
import warnings
from datetime import timedelta

import pytest
import torch
from torch.utils.data import DistributedSampler

from captioner.errors import UserError
from captioner.metrics.bleu import bleu
from captioner.metrics.cider_d import cider_d
from captioner.metrics.distributed.accumulate import CaptionScore
from captioner.metrics.document_frequencies import DocumentFrequencies
from captioner.metrics.rouge_l import rouge_l

NUM_IMAGES, PROCESSES = 7, 2
NAMES = [f"bleu{order}{suffix}" for suffix in ("", "_no_bp") for order in range(1, 5)] + [
    "rouge_l",
    "cider_d",
    "distinct",
]


def corpus():
    rng = random.Random(5)
    words = ["a", "red", "büs", "dog", "\u2028", "runs"]
    candidates = [rng.choices(words, k=rng.randint(1, 5)) for _ in range(NUM_IMAGES)]
    groups = [range(rng.randint(1, 4)) for _ in range(NUM_IMAGES)]
    return candidates, [[rng.choices(words, k=rng.randint(1, 8)) for _ in group] for group in groups]


def image_id(row):
    return 1000 - 31 * row


def show(metric, rows):
    candidates, references = corpus()
    metric.update(
        [image_id(row) for row in rows], [candidates[row] for row in rows], [references[row] for row in rows]
    )


def expected(frequencies=None):
    candidates, references = corpus()
    scores = [*bleu(candidates, references)[:4], *bleu(candidates, references, brevity_penalty=False)[:4]]
    scores += [rouge_l(candidates, references), cider_d(candidates, references, frequencies).score]
    scores.append(len(set(map(tuple, candidates))) / NUM_IMAGES)
    return dict(zip(NAMES, scores, strict=True))


def floats(scores):
    return {name: score.item() for name, score in scores.items()}


def in_process(rank, folder):
    """Scores as each process sees them: all images by a sampler that repeats one, and all in one process."""
    warnings.simplefilter("ignore")  # one process computes without having been shown anything
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder}/store",
        rank=rank,
        world_size=PROCESSES,
        timeout=timedelta(minutes=2),
    )
    rows = list(DistributedSampler(range(NUM_IMAGES), PROCESSES, rank, shuffle=False))
    metric, one_sided = CaptionScore(), CaptionScore()
    for start in range(0, len(rows), 3):
        show(metric, rows[start : start + 3])
    if rank == 1:
        show(one_sided, range(NUM_IMAGES))
    results = [rows, floats(metric.compute()), floats(one_sided.compute())]
    metric.reset()
    show(metric, range(NUM_IMAGES))
    results.append(floats(metric.compute()))
    (folder / f"{rank}.json").write_text(json.dumps(results))
    torch.distributed.destroy_process_group()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning")
def test_two_processes_with_a_padded_sampler_score_as_one(tmp_path):
    # A forked process need not import everything again, which takes longer than all else here.
    method = "fork" if sys.platform == "linux" else "spawn"
    torch.multiprocessing.start_processes(in_process, (tmp_path,), nprocs=PROCESSES, start_method=method)
    results = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(PROCESSES)]
    assert sorted(results[0][0] + results[1][0]) == [0, *range(NUM_IMAGES)]
    for _, *scores in results:
        for score in scores:
            assert score == pytest.approx(expected(), abs=1e-12)


def test_an_image_shown_again_counts_once():
    metric = CaptionScore()
    show(metric, [4, 2, 6])
    show(metric, [])
    show(metric, [0, 5, 4, 3, 1])
    metric.update([image_id(2)], [["another", "caption"]], [[["of", "it"]]])
    assert floats(metric.compute()) == pytest.approx(expected(), abs=1e-12)


@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric CaptionScore was called before")
def test_states_are_merged_and_forgotten():
    first, second = CaptionScore(), CaptionScore()
    show(first, [0, 3, 5])
    show(second, [6, 3, 1, 2, 4])
    first.merge_state(second)
    assert floats(first.compute()) == pytest.approx(expected(), abs=1e-12)
    first.reset()
    with pytest.raises(UserError, match="no captions"):
        first.compute()
    show(first, range(NUM_IMAGES))
    assert floats(first.compute()) == pytest.approx(expected(), abs=1e-12)


def test_frequencies_of_another_corpus():
    frequencies = DocumentFrequencies.count([[["a", "red", "dog"]], [["a"], ["runs"]], [["other"]]])
    metric = CaptionScore(frequencies)
    show(metric, range(NUM_IMAGES))
    assert floats(metric.compute()) == pytest.approx(expected(frequencies), abs=1e-12)
    assert expected(frequencies)["cider_d"] != pytest.approx(expected()["cider_d"])


@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric CaptionScore was called before")
def test_nothing_to_score():
    with pytest.raises(UserError, match="no captions"):
        CaptionScore().compute()
