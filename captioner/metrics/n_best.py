"""Several captions a picture: how good is the best of them, and how much do they differ?"""

from collections.abc import Sequence

import numpy as np

from captioner.metrics.bleu import BleuStatistics, bleu_of, bleu_scores, corpus_statistics, total
from captioner.metrics.cider_d import corpus_cider_d
from captioner.metrics.diversity import distinct_in_lists
from captioner.metrics.ngrams import Tokens, encode

SIZES = (1, 5, 10, 20)


def n_best_scores(
    lists: Sequence[Sequence[Tokens]], references: Sequence[Sequence[Tokens]], n_best: int
) -> dict[int, dict[str, float]]:
    """Of the first 1, 5, 10, 20 captions of each picture, up to `n_best`, and of the first `n_best`.

    `bleu4` and `cider_d` are an oracle's, who picks a caption for every picture by that very metric, an
    image's score as coco-caption computes it; of equals the first. `cider_d` is the mean over pictures of
    the picked ones. `bleu4` is BLEU-4 of the corpus of those picked, as BLEU always is of a corpus: of the
    first caption alone it is what is reported of it, but with more to pick from it may, if rarely, fall.
    `distinct1` to `distinct4` are those of `distinct_in_lists`.

    Args:
        lists: a picture's captions, one or more, the best first. One with fewer than asked for has all.
        references: one or more for each picture.
        n_best: captions asked for.
    """
    found: dict[int, dict[str, float]] = {}
    sizes = {size for size in SIZES if size < n_best} | {n_best}
    for rank in range(n_best):
        said = [captions[min(rank, len(captions) - 1)] for captions in lists]
        corpus = encode(said, references)
        statistics, consensus = corpus_statistics(corpus), corpus_cider_d(corpus)
        if rank == 0:
            picked, best_consensus = statistics, consensus
        picked = _better(picked, statistics)
        best_consensus = np.maximum(best_consensus, consensus)
        if rank + 1 in sizes:
            distinct = distinct_in_lists([captions[: rank + 1] for captions in lists])
            figures = {"bleu4": bleu_of(total([picked])).bleu4, "cider_d": float(best_consensus.mean())}
            found[rank + 1] = figures | {f"distinct{n}": one for n, one in enumerate(distinct, start=1)}
    return found


def _better(one: BleuStatistics, other: BleuStatistics) -> BleuStatistics:
    """Of every image the statistics that give more BLEU-4."""
    more = bleu_scores(other)[:, 3] > bleu_scores(one)[:, 3]
    matches, guesses = (np.where(more[:, None], b, a) for a, b in zip(one[:2], other[:2], strict=True))
    length, closest = (np.where(more, b, a) for a, b in zip(one[2:], other[2:], strict=True))
    return BleuStatistics(matches, guesses, length, closest)
