"""Tokenization of many captions: in Python, by Java where that one is not sure, or into characters."""

from collections.abc import Sequence
from typing import NamedTuple

from captioner.errors import UserError, nearest
from captioner.metrics.tokenization.java import JavaMissingError, tokenize_with_java
from captioner.metrics.tokenization.ptb import tokenize_with_doubt

TOKENIZERS = ("auto", "python", "java", "characters")


class TokenizedCaptions(NamedTuple):
    """Tokens of captions, and the tokenizer that gave them.

    Attributes:
        tokens: of each caption.
        tokenizer: "python", "java", "python and java", Java for the captions that Python is not sure of, or
            "characters".
        num_unsure: how many captions that are.
    """

    tokens: list[list[str]]
    tokenizer: str
    num_unsure: int


def tokenize_all(captions: Sequence[str], tokenizer: str = "python") -> TokenizedCaptions:
    """Tokenize captions.

    Args:
        captions: any texts, empty ones too.
        tokenizer: "python", whose tokens for captions it is not sure of are only most probably Java's;
            "auto" gives those to Java where Java is installed; "java" gives it all captions; "characters"
            takes every character that is not white space, in lower case, for text without spaces.

    Returns:
        The tokens of each caption, and which tokenizer ran.

    Raises:
        UserError: no such tokenizer, or "java" where Java is not installed.
    """
    if tokenizer not in TOKENIZERS:
        raise UserError(f"There is no tokenizer {tokenizer!r}. {nearest(tokenizer, TOKENIZERS)}")
    if tokenizer == "characters":
        return TokenizedCaptions([list("".join(one.lower().split())) for one in captions], tokenizer, 0)
    found = [tokenize_with_doubt(caption) for caption in captions]
    tokens = [one.tokens for one in found]
    unsure = [place for place, one in enumerate(found) if not one.is_sure]
    if tokenizer == "java":
        return TokenizedCaptions(tokenize_with_java(captions), "java", len(unsure))
    if tokenizer == "python" or not unsure:
        return TokenizedCaptions(tokens, "python", len(unsure))
    try:
        by_java = tokenize_with_java([captions[place] for place in unsure])
    except JavaMissingError:
        return TokenizedCaptions(tokens, "python", len(unsure))
    for place, words in zip(unsure, by_java, strict=True):
        tokens[place] = words
    return TokenizedCaptions(tokens, "python and java", len(unsure))
