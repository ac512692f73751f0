"""Tokenize texts for translation: symbols are characters or words."""

from collections.abc import Iterable
from typing import Literal

from captioner.errors import UserError
from captioner.files.read import one_line
from captioner.vocabulary import SPECIAL, UNK, Vocabulary

Unit = Literal["characters", "words"]


class Symbols:
    """Encode texts as token ids and decode them. Every run of white space is one space.

    >>> found = Symbols.of(["one ton", "one"], "words")
    >>> found.encode(" one  new ton"), found.decode([5, 4, 2])
    ([4, 3, 5], 'ton one')
    """

    def __init__(self, vocabulary: Vocabulary, unit: Unit) -> None:
        self.vocabulary = vocabulary
        self.unit = unit

    @classmethod
    def of(
        cls, texts: Iterable[str], unit: Unit, min_count: int = 1, max_size: int | None = None
    ) -> "Symbols":
        """Make the symbols of texts.

        Args:
            texts: the texts.
            unit: whether symbols are characters or words.
            min_count: how often a symbol must occur.
            max_size: symbols at most; None for all.

        Returns:
            The symbols, the most frequent first.
        """
        return cls(Vocabulary.from_texts((_split(text, unit) for text in texts), min_count, max_size), unit)

    def split(self, text: str) -> list[str]:
        """Return the symbols of a text."""
        return _split(text, self.unit)

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text; an unknown symbol is `<unk>`."""
        return self.vocabulary.encode(self.split(text))

    def encode_known(self, text: str) -> list[int]:
        """Encode a text to translate.

        Args:
            text: the text.

        Returns:
            Token ids.

        Raises:
            UserError: the text is empty, or a symbol is not known.
        """
        found = self.split(text)
        if not found:
            raise UserError("The text is empty: there is nothing to translate.")
        numbers = self.vocabulary.encode(found)
        if UNK in numbers:
            raise UserError(self._refusal(found, numbers.index(UNK)))
        return numbers

    def spell(self, word: str) -> list[int]:
        """Encode a word, or a string of characters, that a search requires or bans.

        Args:
            word: the word.

        Returns:
            Token ids.

        Raises:
            UserError: it is not known.
        """
        return self.vocabulary.spell(word) if self.unit == "words" else self.encode_known(word)

    def decode(self, numbers: Iterable[int]) -> str:
        """Return the text of token ids, up to the first `<eos>`."""
        return self.join(self.vocabulary.decode(numbers))

    def join(self, found: Iterable[str]) -> str:
        """Return the text of symbols."""
        return ("" if self.unit == "characters" else " ").join(found)

    def _refusal(self, found: list[str], place: int) -> str:
        symbol, known = found[place], self.vocabulary.words[len(SPECIAL) :]
        if self.unit == "words":
            return f"The model has never seen the word {symbol!r} (word {place + 1} of {len(found)})."
        shown = f"{len(known)} characters: {self.join(sorted(known))!r:.200}"
        return (
            f"The model has never seen {symbol!r} (U+{ord(symbol):04X}, character {place + 1}). "
            f"It knows {shown}."
        )


def _split(text: str, unit: Unit) -> list[str]:
    line = one_line(text)
    return list(line) if unit == "characters" else line.split()
