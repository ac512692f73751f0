"""Say what the card of a model folder holds."""

from collections.abc import Mapping
from typing import Any

SHOWN = ("cider_d", "bleu4", "accuracy", "exact", "bits_per_character", "loss")
"""Figures of validation by which a model is summed up: the first that it has."""


def summary(card: Mapping[str, Any]) -> str:
    """Return the first line of a card: what the model is for, or what it was trained on."""
    if text := card.get("summary"):
        return str(text)
    figures = {key.removeprefix("val/"): value for key, value in card.get("validation", {}).items()}
    best = next((f", {name} {figures[name]:.3f} of val" for name in SHOWN if name in figures), "")
    return f"trained on {card.get('data', {}).get('name', 'unknown data')}, epoch {card.get('epoch')}{best}"


def card_text(card: Mapping[str, Any]) -> str:
    """Return a card as text for people: its first line, then what was written about the model."""
    about: Mapping[str, str] = card.get("about", {})
    lines = [summary(card), *(f"\n{title}\n  {text}" for title, text in about.items())]
    if not about:
        lines += [f"{key}: {value:.4g}" for key, value in card.get("validation", {}).items()]
    return "\n".join(lines)
