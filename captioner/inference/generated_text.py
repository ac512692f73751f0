"""Hold a text that a language model has written."""

from typing import NamedTuple


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

    @property
    def attention(self) -> None:
        """None: a language model has no attention."""
        return
