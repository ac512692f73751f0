"""The answer list of a classifier: one class an answer."""

from collections import Counter
from collections.abc import Iterable, Sequence

from captioner.errors import UserError

UNLISTED = -1


class Answers:
    """The answers that are classes; a question with another answer cannot be learnt, and is answered wrongly.

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
        """Make a list of the most common answers.

        Args:
            texts: the answers to learn, of every question.
            size: answers at most.

        Returns:
            The list, the most common answer first, ties in alphabetical order.

        Raises:
            UserError: there is no answer.
        """
        counts = Counter(texts)
        counts.pop("", None)  # of a question that nobody answered
        if not counts:
            raise UserError("No question of the split train has an answer: there is nothing to learn.")
        return cls(sorted(counts, key=lambda text: (-counts[text], text))[:size])

    def number(self, text: str) -> int:
        """Return the class of an answer, or UNLISTED."""
        return self._numbers.get(text, UNLISTED)
