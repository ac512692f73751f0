"""How captions are printed, for people and for programs."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from captioner.inference.caption import Caption, Captioned


def as_text(captioned: "Captioned", with_name: bool, with_words: bool = False) -> str:
    """The caption; or several, a line each, with their log-probabilities."""
    name = f"{captioned.name}: " if with_name else ""
    if len(captioned.captions) == 1 and not with_words:
        return f"{name}{_marked(captioned.captions[0])}"
    lines = [name.rstrip()] if name else []
    for caption in captioned.captions:
        lines.append(f"{caption.log_prob:8.2f}  {_marked(caption)}")
        if with_words:
            said = [*caption.words, "<eos>"] if caption.finished else caption.words
            lines.append(" " * 10 + spelt_out(said, caption.word_log_probs))
    return "\n".join(lines)


def spelt_out(said: Sequence[str], log_probs: Sequence[float]) -> str:
    """What was said, word after word, each with its log-probability."""
    return "  ".join(f"{word} {log_prob:.2f}" for word, log_prob in zip(said, log_probs, strict=True))


def as_json(captioned: "Captioned") -> str:
    """One object. `score` is what the search ranks by; `proven` is said by exact search alone."""
    captions = [
        {
            "caption": caption.text,
            "log_prob": caption.log_prob,
            "score": caption.score,
            "words": caption.words,
            "word_log_probs": caption.word_log_probs,
            "finished": caption.finished,
            "group": caption.group,
            "proven": caption.proven,
        }
        for caption in captioned.captions
    ]
    return json.dumps({"image": captioned.name, "captions": captions}, ensure_ascii=False)


def _marked(caption: "Caption") -> str:
    """The sentence, with dots where it was cut."""
    return caption.text if caption.finished else f"{caption.text} ..."
