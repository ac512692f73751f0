"""Hold a text that a language model has written."""

from typing import Any, NamedTuple


class GeneratedText(NamedTuple):
    """A text with its prompt.

    Attributes:
        text: the whole text.
        words: its symbols: characters, or the digits of bytes.
        log_prob: its log-probability.
        word_log_probs: of each symbol.
        score: what the search ranks by.
        group: of diverse beam search.
    """

    text: str
    words: list[str]
    log_prob: float
    word_log_probs: list[float]
    score: float
    group: int

    def to_json(self) -> dict[str, Any]:
        """Return the text as JSON holds a caption, with control characters as escape sequences."""
        words = [repr(word)[1:-1] for word in self.words]
        return self._asdict() | {"text": repr(self.text), "words": words, "finished": True, "attention": None}

    @property
    def attention(self) -> None:
        """None: a language model has no attention."""
        return
