"""A vocabulary: words and their numbers."""

import difflib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from captioner.data.files import read_json
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
        self._numbers = {word: number for number, word in enumerate(self.words)}

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
        """
        counts = Counter(word for text in texts for word in text)
        for special in SPECIAL:
            counts.pop(special, None)
        frequent = sorted((w for w, n in counts.items() if n >= min_count), key=lambda w: (-counts[w], w))
        return cls([*SPECIAL, *frequent[:max_size]])

    def extended(self, other: "Vocabulary") -> "Vocabulary":
        """Return a vocabulary of these words, with those of another one that are new behind them."""
        return Vocabulary([*self.words, *(word for word in other.words if word not in self._numbers)])

    def encode(self, words: Iterable[str]) -> list[int]:
        """Return the numbers of the words; an unknown word is `<unk>`."""
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

    def save(self, file: Path) -> None:
        """Write the words as a JSON list."""
        file.write_text(json.dumps(self.words, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, file: Path) -> "Vocabulary":
        """Read a file that `save` wrote.

        Args:
            file: a JSON list of words.

        Returns:
            The vocabulary.

        Raises:
            UserError: the file holds no vocabulary.
        """
        words = read_json(file)
        if not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
            raise UserError(f"{file} is damaged: it holds no list of words.")
        return cls(words)
