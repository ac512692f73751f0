"""BLEU as the coco-caption evaluation computes it (Papineni et al., 2002)."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

Tokens = Sequence[str]

MAX_ORDER = 4
_TINY, _SMALL = 1e-15, 1e-9  # keep a precision of 0/0 defined; with them a missing order gives almost zero


class BleuStatistics(NamedTuple):
    """What BLEU needs of a caption or, added up, of a corpus.

    `matches` and `guesses` hold, for n-grams of order 1 to 4, the clipped number found in a reference and
    the number in the candidate. `reference_length` is that of the reference closest in length.
    """

    matches: tuple[int, ...]
    guesses: tuple[int, ...]
    length: int
    reference_length: int


class Bleu(NamedTuple):
    """BLEU-1 to BLEU-4, and the candidates' total length over that of the references."""

    bleu1: float
    bleu2: float
    bleu3: float
    bleu4: float
    length_ratio: float


def bleu(
    candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]], brevity_penalty: bool = True
) -> Bleu:
    """BLEU of a corpus: one candidate and one or more references for each image, as tokens.

    BLEU_k is the geometric mean of the clipped precisions of orders 1 to k, times exp(1 - r / c) where the
    candidates' length c is below the references' length r. Without `brevity_penalty` that factor is left
    out, as in the tables of Xu et al. (2015).
    """
    pairs = zip(candidates, references, strict=True)
    return bleu_of(total(bleu_statistics(*pair) for pair in pairs), brevity_penalty)


def sentence_bleu(candidate: Tokens, references: Sequence[Tokens], brevity_penalty: bool = True) -> Bleu:
    """The same formula on one caption: near zero, not smoothed, where a higher order has no match."""
    return bleu_of(bleu_statistics(candidate, references), brevity_penalty)


def bleu_statistics(candidate: Tokens, references: Sequence[Tokens]) -> BleuStatistics:
    """Counts of one caption. Of two references equally close in length the shorter one counts."""
    matches = []
    for order in range(1, MAX_ORDER + 1):
        wanted = Counter(ngrams(candidate, order))
        allowed: Counter[Tokens] = Counter()
        for reference in references:
            allowed |= Counter(gram for gram in ngrams(reference, order) if gram in wanted)
        matches.append((wanted & allowed).total())
    length = len(candidate)
    closest = min(map(len, references), key=lambda other: (abs(other - length), other))
    guesses = tuple(max(0, length - order + 1) for order in range(1, MAX_ORDER + 1))
    return BleuStatistics(tuple(matches), guesses, length, closest)


def total(statistics: Iterable[BleuStatistics]) -> BleuStatistics:
    """Statistics of a corpus: BLEU of a corpus is not the mean of its captions' BLEU."""
    matches, guesses = [0] * MAX_ORDER, [0] * MAX_ORDER
    length = reference_length = 0
    for one in statistics:
        matches = [a + b for a, b in zip(matches, one.matches, strict=True)]
        guesses = [a + b for a, b in zip(guesses, one.guesses, strict=True)]
        length, reference_length = length + one.length, reference_length + one.reference_length
    return BleuStatistics(tuple(matches), tuple(guesses), length, reference_length)


def bleu_of(statistics: BleuStatistics, brevity_penalty: bool = True) -> Bleu:
    """The scores of (added up) statistics."""
    ratio = (statistics.length + _TINY) / (statistics.reference_length + _SMALL)
    factor = math.exp(1 - 1 / ratio) if brevity_penalty and ratio < 1 else 1.0
    scores, product = [], 1.0
    for order in range(MAX_ORDER):
        product *= (statistics.matches[order] + _TINY) / (statistics.guesses[order] + _SMALL)
        scores.append(factor * product ** (1 / (order + 1)))
    return Bleu._make([*scores, ratio])


def ngrams(tokens: Tokens, order: int) -> list[Tokens]:
    """All n-grams of one order, in reading order."""
    return list(zip(*(tokens[start:] for start in range(order)), strict=False))
