"""Write text with a trained language model, or score a text with it.

  python scripts/sample.py
  python scripts/sample.py --prompt "def main(" --max-length 2000 --temperature 0.7
  python scripts/sample.py --prompt "import " --search greedy
  python scripts/sample.py --n-best 5 --top-k 10 --top-p 0.95 --seed 1
  python scripts/sample.py --search beam --beam 10 --prompt "class " --max-length 100 --tree tree.html
  python scripts/sample.py --clamp 1.37=1 --clamp 1.80=-0.5
  python scripts/sample.py --banned-words "lambda" --no-repeat-ngram 12 --json
  python scripts/sample.py --score my_script.py --html nll.html
  python scripts/sample.py --score my_script.py --json > characters.jsonl

A single text, sampled or greedy, is printed as it is written; several are written side by side and printed
one after another. --clamp holds a unit, such as one that `captioner cells` found, at a value while the text
is written: its memory as the tables show it, tanh(c) in an LSTM. Beam search finds a very probable text,
which is not the best one: it repeats itself as low temperatures do.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from captioner.commands.options.numbers import in_range
from captioner.commands.options.search import add_search_arguments, search_changes
from captioner.commands.printing.captions import with_log_probs
from captioner.errors import UserError
from captioner.files.outputs import check_file
from captioner.insight.interpretable_cells.signals import read_held_unit
from captioner.paths import LAST, MODEL_HELP, model_folder
from captioner.ranges import BeamSize, Count
from captioner.search.text_rules import SENTENCE_ONLY

if TYPE_CHECKING:
    from captioner.inference.char_lm import Writer
    from captioner.inference.generated_text import GeneratedText


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("--model", default=LAST, metavar="MODEL", help=MODEL_HELP)
    parser.add_argument(
        "--prompt", default="", metavar="TEXT", help="the beginning of the text (default: a new line)"
    )
    parser.add_argument(
        "--max-length",
        dest="search_max_length",
        type=in_range(Count),
        metavar="N",
        help="characters to write",
    )
    parser.add_argument(
        "--n-best", type=in_range(BeamSize), default=1, metavar="N", help="how many texts (default: 1)"
    )
    parser.add_argument("--tree", type=Path, metavar="HTML", help="a page that plays the search step by step")
    parser.add_argument("--words", action="store_true", help="the log-probability of every character")
    parser.add_argument(
        "--json", action="store_true", help="JSON with log-probabilities; of --score, a line each character"
    )
    parser.add_argument(
        "--clamp",
        action="append",
        default=[],
        metavar="LAYER.UNIT=VALUE",
        help="hold a unit's memory at a value",
    )
    parser.add_argument("--score", type=Path, metavar="FILE", help="how surprising is this text?")
    parser.add_argument(
        "--window", type=in_range(Count), metavar="N", help="score with at most N characters in view"
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the scored text as a heat map")
    add_search_arguments(parser, "character", leave_out={"max_length", *SENTENCE_ONLY})


def run(arguments: argparse.Namespace) -> None:
    """Write, or score."""
    changes = search_changes(arguments)
    for option in ("html", "window"):
        if getattr(arguments, option) and not arguments.score:
            raise UserError(f"--{option} goes with --score FILE.")
    clamped: dict[tuple[int, int], float] = dict(
        read_held_unit(typed, "--clamp") for typed in arguments.clamp
    )
    if arguments.score and (changes or clamped or arguments.prompt or arguments.tree or arguments.words):
        raise UserError("--score reads a text that is there: options for writing one do not go with it.")
    check_file(arguments.html, "--html")
    check_file(arguments.tree, "--tree")
    model = model_folder(arguments.model, "char_lm")
    from captioner.inference.char_lm import Writer

    writer = Writer(model, changes, arguments.n_best, clamped)
    if arguments.score:
        _score(writer, arguments)
    else:
        _write(writer, arguments)


def _write(writer: "Writer", arguments: argparse.Namespace) -> None:
    if writer.can_stream and not (arguments.tree or arguments.words or arguments.json):
        writer.write(arguments.prompt, lambda piece: print(piece, end="", flush=True))
        print()
        return
    if arguments.tree:
        written = writer.write_tree(arguments.prompt, arguments.tree)
        print(f"search: {arguments.tree}", file=sys.stderr)
    else:
        written = writer.write(arguments.prompt)
    if arguments.json:
        texts = [one._asdict() for one in written]
        print(json.dumps({"prompt": arguments.prompt, "texts": texts}, ensure_ascii=False))
        return
    for number, one in enumerate(written, 1):
        if len(written) > 1:
            print(f"---- {number} ----")
        print(_with_symbols(one) if arguments.words else one.text)


def _with_symbols(written: "GeneratedText") -> str:
    """Return the text, its log-probability, and that of every character."""
    symbols = [repr(symbol)[1:-1] for symbol in written.words]
    figures = with_log_probs(symbols, written.word_log_probs)
    return f"{written.text}\n{written.log_prob:8.2f}  {figures}"


def _score(writer: "Writer", arguments: argparse.Namespace) -> None:
    import numpy as np

    from captioner.data.text.corpus import Corpus
    from captioner.insight.nll_page import write_nll_page
    from captioner.metrics.text.likelihood import likelihood

    unit = writer.model.alphabet.unit
    text = Corpus(str(arguments.score), unit=unit).read()
    nats = writer.nll(text, arguments.window)
    if arguments.json:
        symbols = writer.model.alphabet.names(writer.model.alphabet.encode(text))
        for symbol, value in zip(symbols, nats.tolist(), strict=True):
            bits = None if np.isnan(value) else value / np.log(2)
            print(json.dumps({"symbol": symbol, "bits": bits}, ensure_ascii=False))
    found = likelihood(nats[~np.isnan(nats)])
    lines = [
        f"{arguments.score}: {found.num_symbols:,} {unit}",
        f"nats a symbol    {found.nats:.4f}   ({found.interval.low:.4f} to {found.interval.high:.4f})",
        f"bits a symbol    {found.bits:.4f}",
        f"perplexity       {found.perplexity:.3f}",
    ]
    if arguments.html:
        as_text = text if isinstance(text, str) else text.decode("latin-1")
        write_nll_page(arguments.html, str(arguments.score), as_text, nats)
        lines.append(f"heat map         {arguments.html}")
    print("\n".join(lines), file=sys.stderr if arguments.json else sys.stdout)
