"""Translate with a trained model.

  python scripts/translate.py "twenty-one thousand and four" "the fifth of March 1998" 21004
  python scripts/translate.py --file sources.txt --json > translations.jsonl
  python scripts/translate.py "May the fourth, nineteen seventy-seven" --attention attention.png
  python scripts/translate.py 1998-03-05 --beam 5 --n-best 3

Prints a line a text, in order; it is empty for a text with a symbol that the model has never seen, which is
named on standard error. With --n-best above 1 each translation has its log-probability before it.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from captioner.commands.options.attention_files import check_drawing, numbered
from captioner.commands.options.numbers import in_range
from captioner.commands.options.search import add_search_arguments, search_changes
from captioner.errors import UserError
from captioner.paths import LAST, MODEL_HELP, model_folder
from captioner.ranges import BeamSize

if TYPE_CHECKING:
    from captioner.inference.translate import Translated, Translation

PICTURES = (".png", ".pdf", ".svg")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="what to translate")
    parser.add_argument("--file", type=Path, metavar="FILE", help="a text a line; - reads standard input")
    parser.add_argument("--model", default=LAST, metavar="MODEL", help=MODEL_HELP)
    parser.add_argument(
        "--attention",
        type=Path,
        metavar="PNG",
        help="draw the alignment with the source; with several texts, PNG-1, PNG-2, ...",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line, with log-probabilities")
    parser.add_argument(
        "--n-best", type=in_range(BeamSize), default=1, metavar="N", help="translations a text (default: 1)"
    )
    add_search_arguments(parser, "symbol")


def run(arguments: argparse.Namespace) -> None:
    """Translate, print, draw."""
    texts = _texts(arguments)
    check_drawing(arguments.attention, PICTURES)
    model = model_folder(arguments.model, "translate")
    from captioner.inference.translate import Translator

    translator = Translator(model, search_changes(arguments), arguments.n_best)
    if arguments.attention:
        translator.check_has_attention()
    left_out = 0
    for number, translated in enumerate(translator.stream(texts), start=1):
        if translated.problem:
            left_out += 1
            print(f"left out: {translated.source!r:.60}: {translated.problem}", file=sys.stderr)
        print(_as_json(translated) if arguments.json else _as_text(translated), flush=True)
        if arguments.attention and translated.text:
            _draw(translated, numbered(arguments.attention, number, len(texts)))
    if left_out and len(texts) > 1:
        print(f"{left_out} of {len(texts)} texts could not be read.", file=sys.stderr)
    if left_out == len(texts):
        sys.exit(2)


def _texts(arguments: argparse.Namespace) -> list[str]:
    if bool(arguments.texts) == bool(arguments.file):
        raise UserError("Say what to translate: TEXT ..., or --file FILE.")
    if arguments.texts:
        return list(arguments.texts)
    if str(arguments.file) == "-":
        return sys.stdin.read().splitlines()
    from captioner.files.read import read_text

    texts = read_text(arguments.file).splitlines()
    if not texts:
        raise UserError(f"{arguments.file} is empty: there is nothing to translate.")
    return texts


def _as_text(translated: "Translated") -> str:
    if len(translated.translations) <= 1:
        return "".join(map(_marked, translated.translations))
    lines = [f"{one.log_prob:8.2f}  {_marked(one)}" for one in translated.translations]
    return "\n".join([translated.source, *lines])


def _as_json(translated: "Translated") -> str:
    translations = [
        {
            "translation": one.text,
            "log_prob": one.log_prob,
            "score": one.score,
            "finished": one.finished,
        }
        for one in translated.translations
    ]
    about = {"source": translated.source, "translations": translations, "problem": translated.problem}
    return json.dumps(about, ensure_ascii=False)


def _marked(translation: "Translation") -> str:
    """Return the translation, with dots where it was cut."""
    return translation.text if translation.finished else f"{translation.text} ..."


def _draw(translated: "Translated", file: Path) -> None:
    from captioner.insight.alignment import draw_alignment

    first = translated.translations[0]
    assert first.alphas_TL is not None
    draw_alignment(translated.symbols, first.words, first.alphas_TL).savefig(file)
    print(f"attention: {file}", file=sys.stderr)
