"""Options that say how sentences are read out of a model: the same for every verb that writes.

What is not given is as the model folder's config has it, under `search:`.
"""

import argparse
import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple


class Option(NamedTuple):
    """A flag, and the option of the search that it sets."""

    flag: str
    key: str
    value: Any  # a type, or for a flag without a value what it sets
    metavar: str | None
    help: str  # {word} is what is said one after the other


def words(text: str) -> list[str]:
    """Words between spaces or commas."""
    return [word for word in re.split(r"[\s,]+", text) if word]


METHOD = (
    Option("--search", "name", str, "NAME", "greedy, beam, diverse, sample or mbr; of captions also exact"),
    Option("--beam", "beam_size", int, "K", "beam size; 1 is greedy"),
    Option("--length-rule", "length_rule", str, "RULE", "none, mean or wu: how lengths compare"),
    Option("--alpha", "alpha", float, "X", "the exponent of wu"),
    Option("--groups", "groups", int, "G", "diverse: groups of the beam"),
    Option("--diversity", "diversity", float, "X", "diverse: taken off for a {word} of an earlier group"),
    Option("--temperature", "temperature", float, "X", "sample, mbr: below 1 keeps to the probable"),
    Option("--top-k", "top_k", int, "K", "sample, mbr: only the K most probable {word}s"),
    Option("--top-p", "top_p", float, "P", "sample, mbr: only the fewest {word}s of this mass"),
    Option("--min-p", "min_p", float, "P", "sample, mbr: only {word}s of this probability, the best being 1"),
    Option("--seed", "seed", int, "N", "sample, mbr: the same draws again"),
    Option("--without-replacement", "replacement", False, None, "sample: answers that all differ"),
    Option("--samples", "samples", int, "N", "mbr: answers to draw"),
    Option("--utility", "utility", str, "NAME", "mbr: cider_d or bleu"),
    Option("--max-steps", "max_steps", int, "N", "exact: beginnings to read at most"),
    Option("--max-open", "max_open", int, "N", "exact: beginnings to keep waiting at most"),
)
CONSTRAINTS = (
    Option("--max-length", "max_length", int, "N", "words at most, the end among them"),
    Option("--min-length", "min_length", int, "N", "words at least"),
    Option("--prefix", "prefix", words, "WORDS", "how the sentence starts"),
    Option("--required_words", "required_words", words, "WORDS", "words that are said somewhere"),
    Option(
        "--banned_words", "banned_words", words, "WORDS", "words, or strings of a text, that are not said"
    ),
    Option("--no-unknown", "allow_unknown", False, None, "never <unk>"),
    Option("--no-repeat", "allow_repeat", False, None, "no {word} twice in a row"),
    Option("--no-repeat-ngram", "no_repeat_ngram", int, "N", "no N {word}s twice"),
    Option("--bad-endings", "bad_endings", words, "WORDS", "words not to end with"),
)


def add_search_arguments(
    parser: argparse.ArgumentParser, word: str = "word", leave_out: Collection[str] = ()
) -> None:
    """The options, in two groups of their own, but for those of the search that are left out by name."""
    ways = parser.add_argument_group("how to search", "defaults are the model's own")
    for group, options in ((ways, METHOD), (parser.add_argument_group("constraints"), CONSTRAINTS)):
        for option in options:
            if option.key in leave_out:
                continue
            about = option.help.format(word=word)
            common: dict[str, Any] = {"dest": f"search_{option.key}", "help": about}
            if callable(option.value):
                group.add_argument(option.flag, type=option.value, metavar=option.metavar, **common)
            else:
                group.add_argument(option.flag, action="store_const", const=option.value, **common)


def search_changes(arguments: argparse.Namespace) -> dict[str, Any]:
    """What was given, by the names of the search's options."""
    given = {option.key: getattr(arguments, f"search_{option.key}", None) for option in METHOD + CONSTRAINTS}
    return {key: value for key, value in given.items() if value is not None}


def search_flags(changes: Mapping[str, Any]) -> list[str]:
    """The flags that made these changes."""
    return [option.flag for option in METHOD + CONSTRAINTS if option.key in changes]
