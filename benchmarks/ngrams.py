"""Likelihood of a text under interpolated modified Kneser-Ney n-gram models, orders 1 to 6.

    python benchmarks/ngrams.py FILE
    python benchmarks/ngrams.py linux_kernel.txt val_fraction=0.05 test_fraction=0.05 --split test --order 10

The models count n-grams in train and are evaluated on another split: the same parts as those of a character
language model with these data options. The parts must be contiguous (not split=char_rnn). The order is the
number of characters of an n-gram, the predicted one included. Prints nats a character with 95 % intervals by
block bootstrap.
"""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from report import Report, benchmark_parser

from captioner.config import parse_overrides
from captioner.data.text.alphabet import Alphabet
from captioner.data.text.corpus import Corpus
from captioner.errors import UserError
from captioner.insight.ngram_model import NGramModel
from captioner.metrics.text.likelihood import Likelihood, likelihood
from captioner.registry import check_options
from captioner.vocabulary import SPECIAL


def evaluate(text: str | bytes, source: Corpus, split: str, order: int) -> list[Likelihood]:
    """Compute the likelihood of every character of a split but its first.

    Args:
        text: the whole text.
        source: how it is split.
        split: the part to evaluate on.
        order: the highest order.

    Returns:
        One likelihood for each of the orders 1 to `order`.

    Raises:
        UserError: the split is empty, or not contiguous.
    """
    if source.split == "char_rnn":
        raise UserError("The split char_rnn is not contiguous: take tail or torch_rnn.")
    alphabet = Alphabet.of(text, source.unit)
    numbers = alphabet.encode(text).astype(np.int64) - len(SPECIAL)
    parts = source.cut_to_read(split, len(numbers), batch_size=1).parts
    (train,), (part,) = parts["train"], parts[split]
    model = NGramModel(numbers[train.start : train.start + train.length + 1], len(alphabet.symbols), order)
    nats_KT = model.nll(numbers[part.start : part.start + part.length + 1])[:, 1:]
    return [likelihood(nats_T) for nats_T in nats_KT]


def table(likelihoods: Sequence[Likelihood]) -> str:
    """Format a row for each order in Markdown."""
    lines = ["| order | nats a character | 95 % interval |", "| --- | --- | --- |"]
    for order, one in enumerate(likelihoods, start=1):
        low, high = one.interval
        lines.append(f"| {order} | {one.nats:.3f} | {low:.3f} to {high:.3f} |")
    return "\n".join(lines)


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("changes", nargs="*", metavar="key=value", help="options of the corpus")
    parser.add_argument("--split", default="val")
    parser.add_argument("--order", type=int, default=6)
    options = parser.parse_args()
    started = time.perf_counter()
    try:
        changes: dict[str, Any] = {str(key): value for key, value in parse_overrides(options.changes).items()}
        check_options("data", Corpus, changes)
        source = Corpus(**({"path": options.file} | changes))
        text = source.read()
        found = evaluate(text, source, options.split, options.order)
    except (UserError, ValueError) as mistake:
        parser.error(str(mistake))
    figures = Report("ngrams", options.json)
    for order, one in enumerate(found, start=1):
        figures.record(f"order {order}", one.nats, "nats a character", higher_is_better=False)
    print(f"{options.file}: {len(text):,} {source.unit}, {found[0].num_symbols:,} of {options.split}\n")
    print(f"{table(found)}\n\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
