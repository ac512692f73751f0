"""Encode texts as token ids and decode them, by characters or by bytes."""

import codecs
from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from captioner.errors import UserError
from captioner.vocabulary import SPECIAL, Vocabulary

Unit = Literal["characters", "bytes"]
Numbers = NDArray[np.int32]
"""Token ids of a text."""


class Alphabet:
    """The symbols of a text: its characters in order, or all bytes, written as the characters U+00 to U+FF.

    >>> alphabet = Alphabet.of("banana", "characters")
    >>> alphabet.encode("nab").tolist(), alphabet.decode([6, 4, 5])
    ([6, 4, 5], 'nab')
    """

    def __init__(self, vocabulary: Vocabulary, unit: Unit) -> None:
        self.vocabulary = vocabulary
        self.unit = unit
        self.symbols = vocabulary.words[len(SPECIAL) :]
        if not self.symbols or {len(symbol) for symbol in self.symbols} != {1}:
            raise UserError("The symbols of a text are single characters, one or more.")
        if unit == "bytes" and self.symbols != list(map(chr, range(256))):
            raise UserError("The symbols of a text that is read by bytes are all bytes, in order.")
        points = np.array([ord(symbol) for symbol in self.symbols])
        self._numbers = np.zeros(points.max() + 2, dtype=np.int32)  # 0 is what is not known, the last too
        self._numbers[points] = np.arange(len(points)) + len(SPECIAL)

    @classmethod
    def of(cls, text: str | bytes, unit: Unit) -> "Alphabet":
        """Return the alphabet of a text."""
        symbols = map(chr, range(256)) if unit == "bytes" else sorted(set(_as_text(text)))
        return cls(Vocabulary([*SPECIAL, *symbols]), unit)

    def encode(self, text: str | bytes) -> Numbers:
        """Encode a text.

        Args:
            text: characters or bytes.

        Returns:
            Token ids of the symbols, as in the vocabulary.

        Raises:
            UserError: a character is not in the alphabet.
        """
        if self.unit == "bytes":
            raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
            return np.frombuffer(raw, np.uint8).astype(np.int32) + len(SPECIAL)
        text = _as_text(text)
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        numbers = self._numbers[np.minimum(points, len(self._numbers) - 1)]
        if len(unknown := np.flatnonzero(numbers == 0)):
            raise UserError(self._refusal(text, int(unknown[0])))
        return numbers

    def spell(self, text: str) -> list[int]:
        """Encode a string that a search requires or bans, as `Vocabulary.spell` does a word.

        Args:
            text: the string.

        Returns:
            Token ids, as a list.

        Raises:
            UserError: a character is not in the alphabet.
        """
        numbers: list[int] = self.encode(text).tolist()
        return numbers

    def decode(self, numbers: Iterable[int]) -> str:
        """Return the text of token ids; bytes that are no UTF-8 become U+FFFD."""
        return self.decoder()(numbers)

    def decoder(self) -> Callable[[Iterable[int]], str]:
        """Return a function that decodes a text by pieces: a character is returned with its last byte."""
        if self.unit == "characters":
            return lambda numbers: "".join(self.symbols[number - len(SPECIAL)] for number in numbers)
        incremental = codecs.getincrementaldecoder("utf-8")("replace")
        return lambda numbers: incremental.decode(bytes(number - len(SPECIAL) for number in numbers))

    def names(self, numbers: Iterable[int]) -> list[str]:
        """Return the name of each symbol: the character, or the two digits of a byte."""
        shown = self.symbols if self.unit == "characters" else [f"{byte:02x}" for byte in range(256)]
        return [shown[number - len(SPECIAL)] for number in numbers]

    def _refusal(self, text: str, place: int) -> str:
        known = "".join(self.symbols)
        shown = repr(known) if len(known) <= 120 else f"{len(known)} characters, {known[:100]!r} among them"
        return (
            f"The model has never seen {text[place]!r} (U+{ord(text[place]):04X}, character {place + 1} of "
            f"the text). It knows {shown}."
        )


def _as_text(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode("utf-8")
