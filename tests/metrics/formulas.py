"""BLEU, ROUGE-L and CIDEr-D written from the papers, one n-gram at a time, without the package."""

import math
from collections import Counter


def grams(words, order):
    return Counter(tuple(words[i : i + order]) for i in range(len(words) - order + 1))


def bleu(candidates, references, order, brevity_penalty=True):
    """Papineni et al. (2002), sections 2.1.1 to 2.3, with uniform weights; 0 where an order has no match."""
    log_precision = 0.0
    for n in range(1, order + 1):
        clipped = total = 0
        for candidate, group in zip(candidates, references, strict=True):
            for gram, count in grams(candidate, n).items():
                clipped += min(count, max(grams(reference, n)[gram] for reference in group))
                total += count
        if clipped == 0:
            return 0.0
        log_precision += math.log(clipped / total) / order
    c = sum(len(candidate) for candidate in candidates)
    r = 0
    for candidate, group in zip(candidates, references, strict=True):
        shortest_first = sorted(len(reference) for reference in group)
        r += min(shortest_first, key=lambda length: abs(length - len(candidate)))  # the first of equals
    penalty = 1.0 if c > r else math.exp(1 - r / c)
    return (penalty if brevity_penalty else 1.0) * math.exp(log_precision)


def longest_common_subsequence(first, second):
    """Table of the lengths for all pairs of beginnings."""
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, word in enumerate(first):
        for j, other in enumerate(second):
            longest = max(table[i][j + 1], table[i + 1][j])
            table[i + 1][j + 1] = table[i][j] + 1 if word == other else longest
    return table[-1][-1]


def rouge_l(candidate, group):
    """Lin (2004), equations 2 to 4, with the best recall and precision over the references; beta is 1.2."""
    if not candidate:
        return 0.0
    common = [longest_common_subsequence(candidate, reference) for reference in group]
    recall = max(length / len(reference) for length, reference in zip(common, group, strict=True))
    precision = max(length / len(candidate) for length in common)
    if recall == 0 or precision == 0:
        return 0.0
    return (1 + 1.2**2) * recall * precision / (recall + 1.2**2 * precision)


def cider_d(candidates, references):
    """CIDEr-D of each image: Vedantam et al. (2015); sigma is 6.

    As in the authors' code, the term frequency is the count, not divided by the caption's length.
    """
    scores = []
    for candidate, group in zip(candidates, references, strict=True):
        score = 0.0
        for n in range(1, 5):
            frequency = Counter(
                gram for one in references for gram in set().union(*(grams(r, n) for r in one))
            )

            def weigh(words, n=n, frequency=frequency):
                return {
                    gram: count * math.log(len(references) / max(1, frequency[gram]))
                    for gram, count in grams(words, n).items()
                }

            of_candidate = weigh(candidate)
            for reference in group:
                of_reference = weigh(reference)
                dot = 0.0
                for gram, weight in of_reference.items():
                    dot += min(of_candidate.get(gram, 0.0), weight) * weight
                norms = norm(of_candidate) * norm(of_reference)
                difference = len(candidate) - len(reference)
                gauss = math.exp(-(difference**2) / (2 * 6**2))
                score += (10 * gauss * dot / norms if norms else 0.0) / 4 / len(group)
        scores.append(score)
    return scores


def norm(weights):
    return math.sqrt(sum(weight**2 for weight in weights.values()))
