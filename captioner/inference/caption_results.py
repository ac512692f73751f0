"""Hold the captions of an image.      T words, L locations."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from PIL import Image

from captioner.search.trace import TraceEvent

DIGITS = 5  # of attention weights in JSON


class Caption(NamedTuple):
    """A caption of an image.

    Attributes:
        words: its words.
        log_prob: its log-probability, the end included.
        word_log_probs: of each word, and of the end if it is finished.
        finished: False for a caption that was cut at the maximal length.
        alphas_TL: attention at each word, a numpy array that sums to one over L; None without attention.
        score: what the search ranks by.
        group: of diverse beam search.
        proven: whether exact search has proven that no caption is better; None for other searches.
        confidence: the probability that the caption is good, of a calibrated model; None of others.
    """

    words: list[str]
    log_prob: float
    word_log_probs: list[float]
    finished: bool
    alphas_TL: Any | None
    score: float
    group: int
    proven: bool | None
    confidence: float | None = None

    @property
    def text(self) -> str:
        """The caption as one string."""
        return " ".join(self.words)

    def to_json(self) -> dict[str, Any]:
        """Return the caption as JSON holds it, with its attention."""
        attention = None
        if self.alphas_TL is not None:
            attention = self.alphas_TL.astype("float64").round(DIGITS).tolist()
        return {"text": self.text, **self.figures(), "attention": attention}

    def figures(self) -> dict[str, Any]:
        """Return all but the attention, by name."""
        return {name: value for name, value in self._asdict().items() if name != "alphas_TL"}


class Captioned(NamedTuple):
    """An image with its captions, the best first; or why it has none.

    Attributes:
        name: of the image.
        captions: one or more, if the image could be read.
        encoder_view: the part of the image that the encoder sees.
        problem: why the image could not be read, or None.
        events: what the search did, if it was traced.
        unsure: whether the confidence of the best caption is low.
    """

    name: str
    captions: list[Caption]
    encoder_view: Image.Image | None
    problem: str | None
    events: Sequence[TraceEvent] = ()
    unsure: bool = False

    @property
    def text(self) -> str:
        """The best caption; empty where there is none."""
        return self.captions[0].text if self.captions else ""

    @property
    def words(self) -> list[str]:
        """The words of the best caption."""
        return self.captions[0].words if self.captions else []

    @property
    def log_prob(self) -> float:
        """The log-probability of the best caption."""
        return self.captions[0].log_prob if self.captions else -float("inf")

    @property
    def attention(self) -> Any | None:
        """Attention at each word of the best caption, (T, L); None without attention."""
        return self.captions[0].alphas_TL if self.captions else None

    def to_json_line(self, with_error: bool = False) -> str:
        """Return one JSON object. `score` is what the search ranks by; only exact search sets `proven`.

        Args:
            with_error: whether it says in `error` why there is no caption, null where there is one.

        Returns:
            One line.
        """
        captions = [{"caption": caption.text, **caption.figures()} for caption in self.captions]
        found = {"image": self.name, "captions": captions, "unsure": self.unsure}
        return json.dumps(found | ({"error": self.problem} if with_error else {}), ensure_ascii=False)
