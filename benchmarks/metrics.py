"""BLEU, ROUGE-L and CIDEr-D against pycocoevalcap's on the same tokens: `python benchmarks/metrics.py`.

References are the human captions of captions_val2017.json under CAPTIONER_DATA, or else made-up sentences of
words as frequent as words are (Zipf); a candidate is a reference of its image with some words changed. Both
sides run in turns in one process, from tokens to the scores of the corpus and of every image, and are timed
in seconds of one core, so that other work beside them counts little. Expected: the three together at least
15 times faster, no score different by more than 1e-9, and 100 rewards in 15 ms.
"""

import contextlib
import io
import json
import os
import random
import statistics
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from report import Report, benchmark_parser

from captioner.metrics.bleu import bleu_of, bleu_scores, corpus_statistics, total
from captioner.metrics.cider_d import corpus_cider_d
from captioner.metrics.ngrams import encode
from captioner.metrics.reward import CaptionReward
from captioner.metrics.rouge_l import sentence_rouge_l
from captioner.metrics.tokenization.ptb import tokenize

WANTED_RATIO, WANTED_DIFFERENCE, WANTED_MS = 15, 1e-9, 15
Groups = list[list[list[str]]]


def human_captions(file: Path, num_images: int) -> Groups:
    groups: dict[int, list[list[str]]] = {}
    for annotation in json.loads(file.read_text(encoding="utf-8"))["annotations"]:
        groups.setdefault(annotation["image_id"], []).append(list(tokenize(annotation["caption"])))
    return [group[:5] for group in groups.values()][:num_images]


def made_up_captions(num_images: int) -> Groups:
    rng = np.random.default_rng(0)
    lengths = rng.poisson(10.5, (num_images, 5))
    return [[[f"w{n}" for n in rng.zipf(1.4, length) % 8000] for length in row] for row in lengths]


def change_words(groups: Groups) -> list[list[str]]:
    """A caption of each image with a quarter of its words replaced, and at times cut."""
    rng = random.Random(0)
    words = [word for group in groups for caption in group for word in caption]
    candidates = []
    for group in groups:
        caption = [rng.choice(words) if rng.random() < 0.25 else word for word in rng.choice(group)]
        candidates.append(caption[: rng.randint(4, 30)])
    return candidates


class Run(NamedTuple):
    """A scorer's time, its scores of the corpus, and those of each image."""

    seconds: float
    corpus: Any
    each: Any


def peer(candidates: list[list[str]], groups: Groups) -> dict[str, Run]:
    """pycocoevalcap; its progress is not printed."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    predictions = {i: [" ".join(caption)] for i, caption in enumerate(candidates)}
    references = {i: [" ".join(caption) for caption in group] for i, group in enumerate(groups)}
    runs = {}
    for name, scorer in {"BLEU": Bleu(4), "CIDEr-D": Cider(), "ROUGE-L": Rouge()}.items():
        start = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            corpus, each = scorer.compute_score(references, predictions)
        runs[name] = Run(time.process_time() - start, corpus, np.array(each).T)
    return runs


def ours(candidates: list[list[str]], groups: Groups) -> dict[str, Run]:
    """captioner; the n-grams are counted in BLEU's time, and CIDEr-D uses the counts too."""
    start = time.process_time()
    corpus = encode(candidates, groups)
    counts = corpus_statistics(corpus)
    bleu, bleus = bleu_of(total([counts]))[:4], bleu_scores(counts)
    after_bleu = time.process_time()
    ciders = corpus_cider_d(corpus)
    after_cider = time.process_time()
    rouges = [sentence_rouge_l(*pair) for pair in zip(candidates, groups, strict=True)]
    after_rouge = time.process_time()
    return {
        "BLEU": Run(after_bleu - start, bleu, bleus),
        "CIDEr-D": Run(after_cider - after_bleu, ciders.mean(), ciders),
        "ROUGE-L": Run(after_rouge - after_cider, np.mean(rouges), np.array(rouges)),
    }


def compare(candidates: list[list[str]], groups: Groups, rounds: int, figures: Report) -> None:
    runs = [(peer(candidates, groups), ours(candidates, groups)) for _ in range(rounds)]
    totals, worst = [0.0, 0.0], 0.0
    print(f"{'seconds':10}{'pycocoevalcap':>14}{'captioner':>11}{'ratio':>7}{'score':>10}  difference")
    for name in runs[0][0]:
        seconds = [statistics.median(run[side][name].seconds for run in runs) for side in (0, 1)]
        totals = [before + more for before, more in zip(totals, seconds, strict=True)]
        official, own = (run[name] for run in runs[0])
        apart = max(
            np.abs(np.subtract(one, other)).max() for one, other in zip(official[1:], own[1:], strict=True)
        )
        worst = max(worst, float(apart))
        show(name, seconds, f"{np.atleast_1d(own.corpus)[-1]:10.5f}  {apart:.1e}")
        figures.record(name, seconds[1], "CPU s", higher_is_better=False)
    show("together", totals, f"{'':10}  {worst:.1e}")
    figures.record("pycocoevalcap over captioner", totals[0] / totals[1], "x", higher_is_better=True)
    figures.record("greatest difference of a score", worst, "", higher_is_better=False)
    print(f"wanted: {WANTED_RATIO} times faster, no difference above {WANTED_DIFFERENCE:.0e}")


def show(name: str, seconds: list[float], rest: str) -> None:
    print(f"{name:10}{seconds[0]:14.3f}{seconds[1]:11.3f}{seconds[0] / seconds[1]:7.1f}{rest}")


def time_rewards(candidates: list[list[str]], groups: Groups, figures: Report) -> None:
    start = time.process_time()
    reward = CaptionReward(dict(enumerate(groups)))
    prepared = time.process_time() - start
    times = []
    for first in range(0, len(groups) - 99, 100):
        start = time.process_time()
        reward(range(first, first + 100), candidates[first : first + 100])
        times.append(time.process_time() - start)
    milliseconds = statistics.median(times) * 1000
    figures.add("100 rewards", milliseconds, f"CPU ms, {WANTED_MS} wanted", higher_is_better=False)
    figures.add("references of all rewards", prepared, "CPU s", higher_is_better=False)


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    folder = os.environ.get("CAPTIONER_DATA", Path(__file__).resolve().parents[1] / "../shared/data")
    file = Path(folder) / "caption_metrics/captions_val2017.json"
    human = file.is_file()
    groups = human_captions(file, options.images) if human else made_up_captions(options.images)
    candidates = change_words(groups)
    kind = "human" if human else "made-up"
    print(f"{len(groups)} images, {sum(map(len, groups))} {kind} captions, medians of {options.rounds} runs")
    figures = Report("metrics", options.json)
    compare(candidates, groups, options.rounds, figures)
    time_rewards(candidates, groups, figures)


if __name__ == "__main__":
    main()
