"""Captions as lines of text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from captioner.inference.caption_results import Caption, Captioned


def as_text(captioned: "Captioned", with_name: bool, with_words: bool = False) -> str:
    """Return the caption; or several, a line each, with their log-probabilities.

    Args:
        captioned: an image and its captions.
        with_name: whether the name of the image comes first.
        with_words: whether each caption is followed by its words with their log-probabilities.

    Returns:
        Lines of text, without a last line end.
    """
    name = f"{captioned.name}: " if with_name else ""
    unsure = "  (unsure)" if captioned.unsure else ""
    if len(captioned.captions) == 1 and not with_words:
        return f"{name}{_marked(captioned.captions[0])}{unsure}"
    name += unsure.strip()
    lines = [name.rstrip()] if name else []
    for caption in captioned.captions:
        lines.append(f"{caption.log_prob:8.2f}  {_marked(caption)}")
        if with_words:
            words = [*caption.words, "<eos>"] if caption.finished else caption.words
            lines.append(" " * 10 + with_log_probs(words, caption.word_log_probs))
    return "\n".join(lines)


def with_log_probs(words: Sequence[str], log_probs: Sequence[float]) -> str:
    """Return words on one line, each with its log-probability."""
    return "  ".join(f"{word} {log_prob:.2f}" for word, log_prob in zip(words, log_probs, strict=True))


def _marked(caption: "Caption") -> str:
    """Return the sentence, with dots where it was cut at the maximal length."""
    return caption.text if caption.finished else f"{caption.text} ..."
