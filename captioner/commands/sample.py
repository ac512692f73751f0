"""Write text with a trained language model, or score a text with it.

  python scripts/sample.py
  python scripts/sample.py --prompt "def main(" --length 2000 --temperature 0.7
  python scripts/sample.py --prompt "import " --argmax
  python scripts/sample.py --number 5 --top-k 10 --top-p 0.95 --seed 1
  python scripts/sample.py --prompt "class " --beam 10 --length 100
  python scripts/sample.py --score my_script.py --html surprise.html
  python scripts/sample.py --score my_script.py --json > characters.jsonl

A single text is shown as it is written; several are written side by side and shown one after another. Beam
search finds the most probable text, which is not the best one: it repeats itself as low temperatures do.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from captioner.app.places import last_run
from captioner.errors import UserError

if TYPE_CHECKING:
    from captioner.app.sample import Writer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this verb."""
    parser.add_argument("--model", type=Path, metavar="DIR", help="model folder (default: the last)")
    parser.add_argument("--prompt", default="", metavar="TEXT", help="go on from here (default: a new line)")
    parser.add_argument("--length", type=int, default=500, metavar="N", help="characters to write")
    parser.add_argument("--number", type=int, default=1, metavar="N", help="how many texts")
    parser.add_argument("--temperature", type=float, default=1.0, metavar="X", help="below 1: more careful")
    parser.add_argument("--top-k", type=int, default=0, metavar="K", help="of the K most probable alone")
    parser.add_argument("--top-p", type=float, default=1.0, metavar="P", help="of the top P of probability")
    parser.add_argument("--argmax", action="store_true", help="always the most probable character")
    parser.add_argument("--beam", type=int, metavar="K", help="beam search with K beams in place of drawing")
    parser.add_argument("--seed", type=int, metavar="N", help="the same seed writes the same text")
    parser.add_argument("--score", type=Path, metavar="FILE", help="how surprising is this text?")
    parser.add_argument("--window", type=int, metavar="N", help="score with at most N characters in view")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the scored text as a heat map")
    parser.add_argument("--json", action="store_true", help="print each scored character as a line of JSON")


def run(arguments: argparse.Namespace) -> None:
    """Write, or score."""
    for option in ("html", "window", "json"):
        if getattr(arguments, option) and not arguments.score:
            raise UserError(f"--{option} goes with --score FILE.")
    for option in ("length", "number"):
        if getattr(arguments, option) < 1:
            raise UserError(f"--{option} must be at least 1, not {getattr(arguments, option)}.")
    model: Path = arguments.model or last_run(Path("runs"), "char_lm", "model") / "model"
    from captioner.app.sample import Writer

    writer = Writer(model)
    if arguments.score:
        _score(writer, arguments)
    elif arguments.beam is not None:
        found = writer.search(arguments.prompt, arguments.length, arguments.beam, arguments.number)
        _show([arguments.prompt + text for text, _ in found])
    else:
        _write(writer, arguments)


def _write(writer: "Writer", arguments: argparse.Namespace) -> None:
    from captioner.app.sample import chooser

    options = ("temperature", "top_k", "top_p", "argmax", "seed")
    choose = chooser(**{name: getattr(arguments, name) for name in options})
    pieces = writer.write(arguments.prompt, arguments.length, arguments.number, choose)
    if arguments.number > 1:
        written = zip(*pieces, strict=True)
        _show([arguments.prompt + "".join(text) for text in written])
        return
    first = next(pieces)  # a prompt that is refused is not shown
    print(arguments.prompt + first[0], end="", flush=True)
    for piece in pieces:
        print(piece[0], end="", flush=True)
    print()


def _show(texts: list[str]) -> None:
    for number, text in enumerate(texts, 1):
        if len(texts) > 1:
            print(f"---- {number} ----")
        print(text)


def _score(writer: "Writer", arguments: argparse.Namespace) -> None:
    import numpy as np

    from captioner.data.text import Text
    from captioner.insight.surprise_page import write_surprise_page
    from captioner.metrics.likelihood import likelihood

    unit = writer.task.alphabet.unit
    text = Text(str(arguments.score), unit=unit).read()
    nats = writer.surprise(text, arguments.window)
    shown = text if isinstance(text, str) else [f"{byte:02x}" for byte in text]
    if arguments.json:
        for symbol, value in zip(shown, nats.tolist(), strict=True):
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
        write_surprise_page(arguments.html, str(arguments.score), as_text, nats)
        lines.append(f"heat map         {arguments.html}")
    print("\n".join(lines), file=sys.stderr if arguments.json else sys.stdout)
