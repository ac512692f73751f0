"""List the models that are there: those that come with the package, and those trained under runs/.

  python scripts/models.py
  python scripts/models.py photos

Prints a line a model: what --model takes, and the first line of its card. With a model's name, its whole
card.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from captioner.errors import UserError
from captioner.paths import model_folder, shipped_models, trained_models


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("model", nargs="?", metavar="MODEL", help="print the card of this model")
    parser.add_argument("--json", action="store_true", help="print cards as JSON")


def run(arguments: argparse.Namespace) -> None:
    """Read the cards and print them."""
    from captioner.models.card import card_text, read_card, summary

    if arguments.model:
        card = read_card(model_folder(arguments.model, "caption"))
        print(json.dumps(card, indent=2, ensure_ascii=False) if arguments.json else card_text(card))
        return
    named = {**shipped_models(), **{str(folder): folder for folder in trained_models(Path("runs"))}}
    if not named:
        raise UserError("There is no model yet: train one with --task.")
    cards: dict[str, dict[str, Any]] = {}
    for name, folder in named.items():
        try:
            cards[name] = read_card(folder)
        except UserError as problem:
            cards[name] = {"summary": f"cannot be used: {problem}"}
    if arguments.json:
        print(json.dumps(cards, indent=2, ensure_ascii=False))
        return
    width = max(map(len, cards))
    print("\n".join(f"{name:{width}}  {summary(card)}" for name, card in cards.items()))
