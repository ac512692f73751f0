"""The answers a model may give."""

from collections import Counter
from collections.abc import Iterable, Sequence

from captioner.errors import UserError

UNLISTED = -1


class Answers:
    """A list of answers; questions whose answer is not in it cannot be learnt, and are answered wrongly.

    >>> answers = Answers.most_common(["red", "2", "red", "yes", "2"], size=2)
    >>> answers.texts, answers.number("red"), answers.number("yes") == UNLISTED
    (['2', 'red'], 1, True)
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = list(texts)
        self._numbers = {text: number for number, text in enumerate(self.texts)}

    def __len__(self) -> int:
        return len(self.texts)

    @classmethod
    def most_common(cls, texts: Iterable[str], size: int) -> "Answers":
        """The `size` most common of the texts, the most common first, ties in alphabetical order.

        Raises:
            UserError: there is none, or none is asked for.
        """
        if size < 1:
            raise UserError(f"task.num_answers must be at least 1, not {size}.")
        counts = Counter(texts)
        counts.pop("", None)  # of a question that nobody answered
        if not counts:
            raise UserError("No question of the split train has an answer: there is nothing to learn.")
        return cls(sorted(counts, key=lambda text: (-counts[text], text))[:size])

    def number(self, text: str) -> int:
        """Its place in the list, or UNLISTED."""
        return self._numbers.get(text, UNLISTED)
