"""ROUGE-L as the coco-caption evaluation computes it (Lin, 2004)."""

from collections.abc import Sequence

from captioner.metrics.ngrams import Tokens

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
    common = common_subsequences(said, truths)
    precision = max(common) / len(said)
    recall = max(length / len(truth) for length, truth in zip(common, truths, strict=True))
    if not precision:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def common_subsequences(first: Tokens, others: Sequence[Tokens]) -> list[int]:
    """Length of the longest common subsequence of one sentence with each of the others.

    A row of the usual table at a time, each row kept as the bits of one integer: the table's rows go up in
    steps of zero or one, and a zero bit of `row` marks a step (Hyyro, 2004).
    """
    positions: dict[str, int] = {}
    for index, token in enumerate(first):
        positions[token] = positions.get(token, 0) | 1 << index
    full = (1 << len(first)) - 1
    lengths = []
    for other in others:
        row = full
        # A word that `first` has not changes no row.
        for places in filter(None, map(positions.get, other)):
            steps = row & places
            row = row + steps | row - steps
        lengths.append(len(first) - (row & full).bit_count())
    return lengths
