"""Options of a search that have no meaning for a text, which never ends: its length is given."""

from collections.abc import Mapping
from typing import Any

from captioner.errors import UserError

SENTENCE_ONLY = {
    "length_rule": "all texts have the same length",
    "alpha": "all texts have the same length",
    "min_length": "all texts have the same length",
    "max_steps": "exact search is of sentences that end",
    "max_open": "exact search is of sentences that end",
    "prefix": "a text starts with its prompt",
    "required_words": "strings can be forbidden and not required",
    "allow_unknown": "no character is unknown",
    "bad_endings": "a text does not end",
    "attention": "a text has no image to attend to",
    "attention_seed": "a text has no image to attend to",
}


def check_text_rules(search: Mapping[str, Any]) -> None:
    """Refuse options that only a sentence can have.

    Args:
        search: a config.

    Raises:
        UserError: says why.
    """
    if search.get("name") == "exact":
        raise UserError("Exact search has no meaning for a text: it compares sentences that end.")
    for key, why in SENTENCE_ONLY.items():
        if key in search:
            raise UserError(f"search.{key} has no meaning for a text: {why}.")
