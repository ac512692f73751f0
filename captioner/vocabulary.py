"""A vocabulary: words and their numbers."""

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence

from captioner.errors import UserError

PAD, BOS, EOS, UNK = 0, 1, 2, 3
SPECIAL = ("<pad>", "<bos>", "<eos>", "<unk>")


class Vocabulary:
    """A list of words; the first four are the special ones.

    Args:
        words: all words, in the order of their numbers.

    Raises:
        UserError: a word is there twice, or the special ones do not come first.

    >>> vocabulary = Vocabulary.from_texts([["a", "red", "a"], ["a", "dog"]], min_count=2)
    >>> vocabulary.encode(["a", "red"]), vocabulary.decode([4, 3, 2, 4])
    ([4, 3], ['a', '<unk>'])
    """

    def __init__(self, words: Sequence[str]) -> None:
        if tuple(words[: len(SPECIAL)]) != SPECIAL or len(set(words)) != len(words):
            raise UserError(f"A vocabulary holds different words and starts with {', '.join(SPECIAL)}.")
        self.words = list(words)
        # Without the special ones: a text that spells one out neither ends nor pads anything.
        self._numbers = {word: number for number, word in enumerate(self.words) if number > UNK}

    def __len__(self) -> int:
        return len(self.words)

    @classmethod
    def from_texts(
        cls, texts: Iterable[Sequence[str]], min_count: int = 1, max_size: int | None = None
    ) -> "Vocabulary":
        """Make the vocabulary of some texts, the most frequent word first, ties in alphabetical order.

        Args:
            texts: lists of words.
            min_count: a word must be there this often.
            max_size: number of words kept, the special ones not counted; None: all.

        Returns:
            The vocabulary.

        Raises:
            UserError: there are words, but none as often as `min_count`.
        """
        counts = Counter(word for text in texts for word in text)
        for special in SPECIAL:
            counts.pop(special, None)
        frequent = sorted((w for w, n in counts.items() if n >= min_count), key=lambda w: (-counts[w], w))
        if counts and not frequent:
            word, count = counts.most_common(1)[0]
            raise UserError(
                f"vocabulary.min_count={min_count} leaves no word: the most frequent, {word!r}, is there "
                f"{count:,} times."
            )
        return cls([*SPECIAL, *frequent[:max_size]])

    def extended(self, other: "Vocabulary") -> "Vocabulary":
        """Return a vocabulary of these words, with those of another one that are new behind them."""
        known = {*SPECIAL, *self._numbers}
        return Vocabulary([*self.words, *(word for word in other.words if word not in known)])

    def encode(self, words: Iterable[str]) -> list[int]:
        """Return the numbers of the words; an unknown word, or one spelt as a special one, is `<unk>`."""
        return [self._numbers.get(word, UNK) for word in words]

    def spell(self, word: str) -> list[int]:
        """Return the number of one word, as a list: `Alphabet.spell` does so for a string of characters.

        Args:
            word: the word.

        Returns:
            One number.

        Raises:
            UserError: the word is unknown; the message has the nearest known ones.
        """
        (number,) = self.encode([word])
        if number <= UNK:
            close = difflib.get_close_matches(word, self.words[UNK + 1 :], n=3)
            hint = f" Did you mean {' or '.join(close)}?" if close else ""
            raise UserError(f"The model does not have the word {word!r}.{hint}")
        return [number]

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """Return the words up to the first `<eos>`, without `<pad>` and `<bos>`."""
        words = []
        for number in numbers:
            if number == EOS:
                break
            if number not in (PAD, BOS):
                words.append(self.words[number])
        return words
