"""Encode questions as token ids, without padding.      N questions, T words."""

from collections.abc import Sequence

import torch
from torch import Tensor

from captioner.metrics.tokenization.ptb import tokenize
from captioner.vocabulary import UNK, Vocabulary


def encode_question(question: str, vocabulary: Vocabulary, max_words: int) -> list[int]:
    """Encode a question.

    Args:
        question: its text.
        vocabulary: the words.
        max_words: words the question is cut at.

    Returns:
        Token ids; `<unk>` for a question without any word.
    """
    return vocabulary.encode(tokenize(question))[:max_words] or [UNK]


def group_by_length(questions: Sequence[Sequence[int]]) -> tuple[Tensor, ...]:
    """Return questions, given the shortest first, as tokens_NT of each length."""
    grouped: dict[int, list[Sequence[int]]] = {}
    for question in questions:
        grouped.setdefault(len(question), []).append(question)
    return tuple(torch.tensor(own) for own in grouped.values())
