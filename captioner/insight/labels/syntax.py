"""Strings, comments and nesting of a text in C, Python, LaTeX or prose.      T characters."""

import re
from functools import cached_property
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

Language = Literal["prose", "c", "python", "latex"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

_LEXEMES: dict[Language, str] = {
    "c": r"(?P<comment>//[^\n]*|/\*(?s:.*?)(?:\*/|\Z))|"
    r"""(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+')""",
    "python": r'(?P<comment>\#[^\n]*)|(?P<string>"""(?s:\\.|.)*?(?:"""|\Z)|'
    r"'''(?s:\\.|.)*?(?:'''|\Z)" + r"""|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""",
    "latex": r"(?:\\.)|(?P<comment>%[^\n]*)|(?P<string>(?!))",
    "prose": r"(?P<comment>(?!))|(?P<string>(?!))",
}
"""Comments and strings; a string that does not end on its line, unless it may, is none."""

_SIGNS: dict[Language, str] = {
    "c": r"[;{}]\s*$|^\s*#\s*(?:include|define|if|endif)\b|^\s*(?:/\*| \*)",
    "python": r"^\s*(?:def|class|import|from|return|if|elif|for|while|try|except|with)\b.*|^\s*self\.",
    "latex": r"\\(?:begin|end|section|label|cite|ref|emph|textbf)\b|\$[^$\n]+\$",
}
"""Lines that are typical of a language."""
TYPICAL = 0.15  # share of lines with such a sign in a text that is not prose
SAMPLE = 200_000  # characters from which the language is guessed


class Span(NamedTuple):
    """A comment or a string.

    Args:
        start: place of its first character.
        end: place after its last character.
        first_inside: place of the character after which one is inside: the last one of its opening.
        last_inside: place after the last character after which one is still inside.
    """

    start: int
    end: int
    first_inside: int
    last_inside: int


class SourceText:
    """A text with its syntax, found once for all labels.

    Args:
        characters: the T characters.
        language: what they are; None: guessed from typical lines.
    """

    def __init__(self, characters: str, language: Language | None = None) -> None:
        self.characters = characters
        self.language: Language = language or guess_language(characters)

    @cached_property
    def spans(self) -> dict[str, list[Span]]:
        """All spans, of `comment` and of `string`."""
        found: dict[str, list[Span]] = {"comment": [], "string": []}
        for match in re.finditer(_LEXEMES[self.language], self.characters):
            if match.lastgroup is not None:
                found[match.lastgroup].append(_span(match.start(), match.group()))
        return found

    @cached_property
    def is_code_T(self) -> NDArray[np.bool_]:
        """Whether each character is outside of strings and comments."""
        is_code_T = np.ones(len(self.characters), bool)
        for spans in self.spans.values():
            for span in spans:
                is_code_T[span.start : span.end] = False
        return is_code_T

    @cached_property
    def codes_T(self) -> NDArray[np.uint32]:
        """The code point of each character."""
        return np.frombuffer(self.characters.encode("utf-32-le", "surrogatepass"), np.uint32)

    def depth(self, opening: str, closing: str) -> NDArray[np.float32]:
        """Count how many pairs are open after each character.

        What is in strings and comments does not count. A bracket too many at the end has no effect. One that
        is never closed counts until a blank line, or for braces of C until one that closes at the start of a
        line.

        Args:
            opening: a character.
            closing: the one that ends it.

        Returns:
            depths_T.
        """
        step_T = (self.codes_T == ord(opening)).astype(np.int32) - (self.codes_T == ord(closing))
        step_T *= self.is_code_T
        at_margin = self.language == "c" and opening == "{"
        resets = [match.end() for match in re.finditer(r"\n\}" if at_margin else r"\n\s*\n", self.characters)]
        depth_T = np.zeros(len(step_T), np.float32)
        for start, end in zip([0, *resets], [*resets, len(step_T)], strict=True):
            total = np.cumsum(step_T[start:end])
            if len(total):
                depth_T[start:end] = total - np.minimum(0, np.minimum.accumulate(total))
                depth_T[end - 1] *= end == len(step_T)  # the character that resets
        return depth_T


def guess_language(characters: str) -> Language:
    """Guess what a text is from the share of lines that are typical of each language."""
    sample = characters[:SAMPLE]
    lines = max(1, len(re.findall(r"\S.*", sample)))
    shares = {name: len(re.findall(signs, sample, re.MULTILINE)) / lines for name, signs in _SIGNS.items()}
    likeliest = max(shares, key=lambda name: shares[name])
    return likeliest if shares[likeliest] >= TYPICAL else "prose"


def _span(start: int, found: str) -> Span:
    """Tell where one is inside of a comment or string."""
    end = start + len(found)
    if found.startswith(("#", "%")):
        return Span(start, end, start, end)
    if found.startswith("//"):
        return Span(start, end, start + 1, end)
    opening = 3 if found[:3] in (3 * '"', 3 * "'") else 2 if found.startswith("/*") else 1
    closing = "*/" if found.startswith("/*") else found[:opening]
    is_closed = len(found) >= opening + len(closing) and found.endswith(closing)
    return Span(start, end, start + opening - 1, end - 1 if is_closed else end)
