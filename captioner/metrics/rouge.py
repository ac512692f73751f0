"""ROUGE-L as the coco-caption evaluation computes it (Lin, 2004)."""

from collections.abc import Sequence

from captioner.metrics.bleu import Tokens

BETA = 1.2


def rouge_l(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> float:
    """Mean over images of `sentence_rouge_l`."""
    scores = [sentence_rouge_l(*pair) for pair in zip(candidates, references, strict=True)]
    return sum(scores) / len(scores)


def sentence_rouge_l(candidate: Tokens, references: Sequence[Tokens]) -> float:
    """F-measure of the longest common subsequence, recall weighted by beta = 1.2.

    Precision and recall are each the best over the references, not necessarily of the same one:

        P = max_r lcs(c, r) / |c|,   R = max_r lcs(c, r) / |r|,   F = (1 + beta^2) P R / (R + beta^2 P)

    A caption without tokens counts as one empty token.
    """
    said, truths = candidate or [""], [reference or [""] for reference in references]
    common = [longest_common_subsequence(said, truth) for truth in truths]
    precision = max(common) / len(said)
    recall = max(length / len(truth) for length, truth in zip(common, truths, strict=True))
    if not precision:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def longest_common_subsequence(first: Tokens, second: Tokens) -> int:
    """Its length, a row of the usual table at a time, each row kept as the bits of one integer.

    The table's rows go up in steps of zero or one; a zero bit of `row` marks a step (Hyyro, 2004).
    """
    positions: dict[str, int] = {}
    for index, token in enumerate(first):
        positions[token] = positions.get(token, 0) | 1 << index
    full = (1 << len(first)) - 1
    row = full
    for token in second:
        steps = row & positions.get(token, 0)
        row = (row + steps | row - steps) & full
    return len(first) - row.bit_count()
