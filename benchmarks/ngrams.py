"""What counting predicts: interpolated modified Kneser-Ney models of a text, orders 1 to 6.

    python benchmarks/ngrams.py FILE
    python benchmarks/ngrams.py linux_kernel.txt val_fraction=0.05 test_fraction=0.05 --split test --order 10

Counts in train and measures on another split: the parts that a character model with these data options learns
and is measured on, where they are contiguous (not split=char_rnn). The order is how many characters an n-gram
has, the predicted one among them. Prints nats a character with 95 % intervals by block bootstrap.
"""

import argparse
import time
from collections.abc import Sequence

import numpy as np

from captioner.config import parse_overrides
from captioner.data.text.alphabet import Alphabet
from captioner.data.text.corpus import CORPORA, Text
from captioner.errors import UserError
from captioner.insight.ngram_model import NGramModel
from captioner.metrics.text.likelihood import Likelihood, likelihood
from captioner.vocabulary import SPECIAL


def measure(text: str | bytes, source: Text, split: str, order: int) -> list[Likelihood]:
    """For orders 1 to `order`, of every character of the split but its first.

    Raises:
        UserError: the split is empty, or in several stretches.
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


def table(found: Sequence[Likelihood]) -> str:
    """Markdown."""
    lines = ["| order | nats a character | 95 % interval |", "| --- | --- | --- |"]
    for order, one in enumerate(found, start=1):
        low, high = one.interval
        lines.append(f"| {order} | {one.nats:.3f} | {low:.3f} to {high:.3f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("changes", nargs="*", metavar="key=value", help="options of the data set text")
    parser.add_argument("--split", default="val")
    parser.add_argument("--order", type=int, default=6)
    options = parser.parse_args()
    started = time.perf_counter()
    try:
        changes = {str(key): value for key, value in parse_overrides(options.changes).items()}
        source = CORPORA.build({"name": "corpus", "path": options.file} | changes)
        text = source.read()
        found = measure(text, source, options.split, options.order)
    except (UserError, ValueError) as mistake:
        parser.error(str(mistake))
    print(f"{options.file}: {len(text):,} {source.unit}, {found[0].num_symbols:,} of {options.split}\n")
    print(f"{table(found)}\n\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
